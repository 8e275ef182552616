// A receiver of notifications on loopback: takes every event, and remembers it.
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';

/** An event as CMX 10 writes it; what tests look at. */
export interface CmxEvent {
  notificationType: string;
  subscriptionName: string;
  deviceId: string;
  boundary?: string;
  locationMapHierarchy?: string;
  incidentId?: number;
}

export class Receiver {
  readonly events: CmxEvent[] = [];
  /** The key that came with the last event. */
  key: string | undefined;
  #server = createServer((request, response) => {
    const parts: Buffer[] = [];
    this.key = request.headers['x-key']?.toString();
    request.on('data', (part: Buffer) => parts.push(part));
    request.on('end', () => {
      const body = JSON.parse(Buffer.concat(parts).toString()) as { notifications: CmxEvent[] };
      this.events.push(...body.notifications);
      response.writeHead(204).end();
    });
  });

  /** Where it is from now on. */
  async start(): Promise<string> {
    await new Promise<void>((resolve) => this.#server.listen(0, '127.0.0.1', resolve));
    return `http://127.0.0.1:${(this.#server.address() as AddressInfo).port}/events`;
  }

  async stop(): Promise<void> {
    const closed = new Promise((resolve) => this.#server.close(resolve));
    this.#server.closeAllConnections();
    await closed;
  }
}
