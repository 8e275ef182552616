// Which access points of others are shown, in which order. Pure.
import type { Rogue, RogueClass } from '../api-wips';

const ORDER: Record<RogueClass, number> = { malicious: 0, unclassified: 1, custom: 2, friendly: 3 };

/** Those whose address, name or vendor has `q` in it: attackers first, then by class and signal. */
export function roguesShown(rogues: readonly Rogue[], q: string, only: string): Rogue[] {
  const wanted = q.trim().toLowerCase();
  return rogues
    .filter((rogue) => only === '' || rogue.class === only)
    .filter(({ bssid, ssid, vendor }) =>
      [bssid, ssid, vendor].some((text) => text?.toLowerCase().includes(wanted)),
    )
    .toSorted(
      (a, b) =>
        Number(b.is_attacking) - Number(a.is_attacking) ||
        (ORDER[a.class] ?? 2) - (ORDER[b.class] ?? 2) ||
        (b.rssi_dbm ?? -200) - (a.rssi_dbm ?? -200) ||
        a.bssid.localeCompare(b.bssid),
    );
}
