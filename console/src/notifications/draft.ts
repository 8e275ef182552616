// What the form of a notification edits. Pure: every field has a value that a person sees.
import type { Condition, Definition, Filter, Receiver, Transport, Trust } from '../api';

/** A definition without gaps, so that each field of the form has something to hold. */
export interface Draft extends Definition {
  group: string;
  filter: Required<Filter>;
}

/** What stands for a secret that the engine keeps. */
export const HIDDEN = '***';
/** As many as the engine takes of one definition. */
export const CONDITIONS_MAX = 16;
export const RECEIVERS_MAX = 8;

/** A new definition, as the engine would complete it. */
export function newDraft(): Draft {
  return {
    name: '',
    group: '',
    enabled: true,
    conditions: [newCondition('containment')],
    filter: { categories: [], macs: [], area: '' },
    receivers: [newReceiver('http')],
    refresh_min: 0,
    retry_count: 1,
    rate_limit_ms: 0,
    queue_limit: 500,
  };
}

/** A definition as the form edits it. */
export function draftOf(definition: Definition): Draft {
  return structuredClone({
    ...definition,
    group: definition.group ?? '',
    filter: { categories: [], macs: [], area: '', ...definition.filter },
    conditions: definition.conditions.map((condition) => ({ ...gapless(condition), ...condition })),
  });
}

export function newCondition(type: Condition['type']): Condition {
  switch (type) {
    case 'containment':
      return { type, area: '' };
    case 'movement':
      return { type, distance_m: 10 };
    case 'absence':
      return { type, minutes: 60 };
    case 'battery':
      return { type, level: 'low' };
    case 'incident':
      return { type, phase: 'opened', severity: 'major', kinds: [], classes: [] };
    case 'rogue':
      return { type, classes: ['malicious'] };
    default:
      return { type };
  }
}

/** What the form needs of a condition beside what is said. */
function gapless({ type }: Condition): object {
  if (type === 'incident') return { kinds: [], classes: [] };
  return type === 'rogue' ? { classes: [] } : {};
}

export function newReceiver(type: Transport['type']): Receiver {
  return { transport: newTransport(type), format: type === 'http' || type === 'mqtt' ? 'cmx' : 'text' };
}

/** A transport with the port that it usually has. */
function newTransport(type: Transport['type']): Transport {
  switch (type) {
    case 'http':
      return { type, url: '' };
    case 'syslog':
      return { type, host: '', port: 514, protocol: 'udp' };
    case 'snmp':
      return { type, host: '', port: 162, community: '' };
    case 'email':
      return { type, host: '', port: 587, security: 'start_tls', from: '', to: '' };
    case 'mqtt':
      return { type, host: '', port: 1883, tls: false, topic: '' };
  }
}

/** Whether TLS protects a transport, so that it matters whose certificates are believed. */
export function usesTls(transport: Transport): boolean {
  switch (transport.type) {
    case 'http':
      return /^https:/i.test(transport.url);
    case 'syslog':
      return transport.protocol === 'tls';
    case 'email':
      return transport.security !== 'none';
    case 'mqtt':
      return transport.tls === true;
    case 'snmp':
      return false;
  }
}

export type TrustKind = 'system' | 'ca' | 'pin';

export function trustKind(trust: Trust | undefined): TrustKind {
  if (trust === undefined || trust === 'system') return 'system';
  return 'ca' in trust ? 'ca' : 'pin';
}

/** The address patterns that somebody typed: one a line, or with commas or spaces between. */
export function macPatterns(text: string): string[] {
  return text.split(/[\s,;]+/).filter(Boolean);
}
