// Why a controller is not connected, in words, and what to do about it in one sentence.
// The remedies follow the troubleshooting of MSE: first the key hash, then the clocks.

export interface Remedy {
  title: string;
  remedy: string;
}

const REMEDIES: Record<string, Remedy> = {
  unreachable: {
    title: 'Unreachable',
    remedy:
      'Check the address of the controller, and that routes and firewalls let this engine reach TCP port 16113 there.',
  },
  refused: {
    title: 'Connection refused',
    remedy: 'The controller answers, but NMSP does not listen there: enable NMSP on it.',
  },
  clock_skew: {
    title: 'Clocks differ',
    remedy: 'Point this engine and the controller at the same NTP server.',
  },
  hash_mismatch: {
    title: 'Key hash does not match',
    remedy:
      'Enter the MAC address and the SHA-2 key hash of this engine, as its server-auth-info shows them, in the authorization list of the controller.',
  },
  version: {
    title: 'Protocol versions differ',
    remedy: 'Upgrade whichever of the engine and the controller is older.',
  },
};

/** Words for `reason`; one that this console does not know still says what the engine says. */
export function remedyFor(reason: string | null): Remedy {
  const known = reason === null ? undefined : REMEDIES[reason];
  if (known) return known;
  const title = (reason ?? 'Not connected').replaceAll('_', ' ');
  return {
    title: title.charAt(0).toUpperCase() + title.slice(1),
    remedy: 'The log of the engine has the details; the engine keeps trying to connect.',
  };
}
