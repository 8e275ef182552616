// What incidents, evidence, classes and sensors are in words for people. Pure.
import type {
  Channel,
  KindClass,
  Recommendation,
  RogueClass,
  SensorState,
  Severity,
  Standing,
  Transmitter,
  WipsPlace,
  WipsSensor,
} from '../api-wips';
import { band, metres } from '../format';

/** The gravest first. */
export const SEVERITIES: readonly { severity: Severity; title: string }[] = [
  { severity: 'critical', title: 'Critical' },
  { severity: 'major', title: 'Major' },
  { severity: 'minor', title: 'Minor' },
  { severity: 'informational', title: 'Informational' },
];

export const CLASSES: readonly { class: KindClass; title: string }[] = [
  { class: 'access_point', title: 'Against access points' },
  { class: 'medium', title: 'Against the medium' },
  { class: 'station', title: 'Against stations' },
  { class: 'impersonation', title: 'Impersonation' },
  { class: 'penetration', title: 'Penetration' },
  { class: 'policy', title: 'Policy' },
];

const STANDINGS: Record<Standing, string> = {
  active: 'Active',
  acknowledged: 'Acknowledged',
  quiet: 'Quiet',
  cleared: 'Cleared',
};

export const ROGUE_CLASSES: readonly { class: RogueClass; title: string }[] = [
  { class: 'malicious', title: 'Malicious' },
  { class: 'unclassified', title: 'Unclassified' },
  { class: 'custom', title: 'Custom' },
  { class: 'friendly', title: 'Friendly' },
];

/** What each piece of evidence says, as a sentence without its end. */
const EVIDENCE: Record<string, string> = {
  rate: 'More frames than the profile allows',
  'many-transmitters': 'More transmitters than the profile allows',
  'implausible-addresses': 'Addresses that no vendor gives',
  'one-radio': 'Many addresses with one signal strength: one radio',
  'signal-mismatch': 'The signal is not that of the radio that the frames name',
  'sequence-mismatch': 'The sequence numbers do not follow those of the radio that the frames name',
  injected: 'The frames were put in at the sensor itself',
  'victim-left': 'The victim had to connect again',
  'victim-stayed': 'Whoever is said to have left goes on sending',
  unprotected: 'The network protects management frames, and these are not protected',
  unanswered: 'Requests that nobody answers',
  unasked: 'Answers to nothing',
  downgrade: 'Less protection than others of the name have',
  refused: 'The access point refused the frames',
  contradiction: 'Two statements in one name contradict each other',
  signature: 'The pattern of a known tool',
  forbidden: 'What the standard forbids and no honest device does',
  policy: 'What the profile calls wrong',
};

const SENSOR_STATES: Record<SensorState, { title: string; tone: string }> = {
  capturing: { title: 'Capturing', tone: 'good' },
  silent: { title: 'Silent', tone: 'warn' },
  failed: { title: 'Failed', tone: 'bad' },
  ended: { title: 'Ended', tone: '' },
};

export function severityTitle(severity: Severity): string {
  return SEVERITIES.find((it) => it.severity === severity)?.title ?? severity;
}

export function classTitle(name: KindClass): string {
  return CLASSES.find((it) => it.class === name)?.title ?? name;
}

export function standingTitle(standing: Standing): string {
  return STANDINGS[standing] ?? standing;
}

export function rogueClassTitle(name: string): string {
  return ROGUE_CLASSES.find((it) => it.class === name)?.title ?? name;
}

export function isOpen(standing: Standing): boolean {
  return standing === 'active' || standing === 'acknowledged';
}

/** A word that the engine knows and this console does not is still readable. */
export function evidenceText(evidence: string): string {
  return EVIDENCE[evidence] ?? sentence(evidence);
}

/** A kind without its article: `evil-twin` is `Evil twin`. */
export function kindTitle(kind: string, names?: ReadonlyMap<string, string>): string {
  return names?.get(kind) ?? sentence(kind);
}

/** The word of the appliance (Adaptive wIPS Deployment Guide): medium begins above a coin toss. */
export function fidelityWord(fidelity: number): string {
  if (fidelity >= 90) return 'very high';
  if (fidelity >= 75) return 'high';
  return fidelity >= 50 ? 'medium' : 'low';
}

/** The address in the frames, where there is one. */
export function transmitterAddress(transmitter: Transmitter): string | undefined {
  if (transmitter.who === 'unnamed') return undefined;
  return transmitter.who === 'invented' ? transmitter.example : transmitter.address;
}

/** What the address of a transmitter is worth; empty where it is the sender's own. */
export function transmitterHint(transmitter: Transmitter): string {
  switch (transmitter.who) {
    case 'own':
      return '';
    case 'spoofed':
      return 'spoofed: this radio is not to blame';
    case 'invented':
      return 'and others, all invented';
    case 'unnamed':
      return 'the frames name nobody';
  }
}

/** `02:00:00:00:03:00`, `02:…:00 (spoofed)`, `nobody named`: short enough for a list. */
export function transmitterText(transmitter: Transmitter): string {
  const address = transmitterAddress(transmitter);
  if (address === undefined) return 'nobody named';
  return transmitter.who === 'own' ? address : `${address} (${transmitter.who})`;
}

/** `6, 2.4 GHz`. */
export function channelText(channel: Channel | null): string {
  if (channel === null) return '–';
  return channel.band ? `${channel.number}, ${band(channel.band)}` : String(channel.number);
}

/** `Ground Floor, Main Building`. */
export function placeText({ path }: WipsPlace): string {
  return path.slice(1).toReversed().join(', ') || path.join(', ');
}

/** `within 6.0 m`, or that only the nearest sensor is known; what was drawn on the map is exact. */
export function radiusText({ radius_m, is_presence }: WipsPlace): string {
  if (radius_m === 0) return 'where the maps have it';
  return is_presence
    ? `near a sensor that hears it, within ${metres(radius_m)}`
    : `within ${metres(radius_m)}`;
}

export function sensorState(state: SensorState): { title: string; tone: string } {
  return SENSOR_STATES[state] ?? { title: sentence(state), tone: '' };
}

/** What to do about a sensor that does not capture; empty for one that does. */
export function sensorRemedy({ state, text }: Pick<WipsSensor, 'state' | 'text'>): string {
  switch (state) {
    case 'silent':
      return 'Nothing comes from it. See whether its radio has power and its controller reaches it.';
    case 'failed':
      return text
        ? `Its controller says: ${text.replace(/\.$/, '')}.`
        : 'It cannot capture. The log of its controller says why.';
    case 'ended':
      return 'Its file was read to the end.';
    default:
      return '';
  }
}

const RECOMMENDATIONS: Record<Recommendation, string> = {
  leave: '',
  locate: 'Go there and look at it.',
  shut_port: 'Shut the port of the switch that it hangs on.',
  contain: 'Keep stations from it, where the law lets you.',
};

/** What to do about an access point of others; empty where there is nothing to do. */
export function recommendationText(recommendation: Recommendation | undefined): string {
  return recommendation ? (RECOMMENDATIONS[recommendation] ?? '') : '';
}

/** Who made a radio; addresses that a device makes up have no vendor. */
export function vendorText(vendor: string | null | undefined): string {
  if (!vendor) return 'vendor not known';
  return vendor === 'randomised' ? 'made-up address' : vendor;
}

/** What is remarkable about an access point of others, the worst first. */
export function rogueTraits(rogue: {
  is_attacking: boolean;
  is_on_wire: boolean;
  is_open: boolean;
  requires_pmf: boolean;
}): { text: string; tone: string; title: string }[] {
  return [
    { on: rogue.is_attacking, text: 'attacks', tone: 'bad', title: 'An open incident names it' },
    { on: rogue.is_on_wire, text: 'on our wire', tone: 'bad', title: 'A switch of ours knows it' },
    { on: rogue.is_open, text: 'open', tone: 'warn', title: 'It needs no key' },
    {
      on: rogue.requires_pmf,
      text: 'PMF',
      tone: '',
      title: 'It requires protected management frames, so it cannot be contained',
    },
  ]
    .filter(({ on }) => on)
    .map(({ text, tone, title }) => ({ text, tone, title }));
}

/** `Evil twin` of `evil-twin`; what begins with a capital is left as it is. */
function sentence(word: string): string {
  const text = /^[a-z0-9]+([-_][a-z0-9]+)*$/.test(word) ? word.replace(/[-_]/g, ' ') : word;
  return text.charAt(0).toUpperCase() + text.slice(1);
}
