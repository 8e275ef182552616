// What definitions say, in words for people. Pure.
import type { BatteryLevel, Condition, Definition, Emergency, Receiver, Transport } from '../api';
import { categoryWords } from '../categories';
import { integer, plural } from '../format';
import { classTitle, kindTitle, rogueClassTitle, severityTitle } from '../intrusions/words';

type IncidentCondition = Extract<Condition, { type: 'incident' }>;

/** The kinds of conditions, the frequent ones first, and when each fires. */
export const CONDITIONS: readonly { type: Condition['type']; title: string; hint: string }[] = [
  { type: 'containment', title: 'Containment', hint: 'An element enters or leaves an area.' },
  {
    type: 'movement',
    title: 'Movement',
    hint: 'An element is so far from where it was when that was last told, or on another floor.',
  },
  {
    type: 'absence',
    title: 'Absence',
    hint: 'An element is not heard for so long, or is tracked no longer.',
  },
  {
    type: 'area_change',
    title: 'Area change',
    hint: 'An element goes from one zone or floor to another.',
  },
  { type: 'association', title: 'Association', hint: 'A station joins the network or leaves it.' },
  {
    type: 'location_update',
    title: 'Location update',
    hint: 'The position of an element is computed anew. That is often: a filter keeps it few.',
  },
  { type: 'battery', title: 'Battery', hint: "A tag's battery goes to this level." },
  { type: 'emergency', title: 'Emergency', hint: 'A tag calls for help.' },
  { type: 'chokepoint', title: 'Chokepoint', hint: 'A chokepoint triggers a tag.' },
  {
    type: 'incident',
    title: 'Incident',
    hint: 'An attack on the air begins, grows to what is chosen here, or is over; see Intrusions. Nothing chosen is no limit.',
  },
  {
    type: 'rogue',
    title: 'Rogue access point',
    hint: 'An access point of others is heard for the first time, or is worse than it was.',
  },
  { type: 'sensor_silent', title: 'Sensor silent', hint: 'Nothing comes from a sensor any more.' },
];

/** Whether a condition is about elements, and not about what the wIPS service sees. */
export function isAboutElements({ type }: Condition): boolean {
  return type !== 'incident' && type !== 'rogue' && type !== 'sensor_silent';
}

export const BATTERY_LEVELS: readonly BatteryLevel[] = ['low', 'medium', 'normal'];

export const EMERGENCIES: readonly { reason: Emergency; title: string }[] = [
  { reason: 'panic_button', title: 'Panic button' },
  { reason: 'tampered', title: 'Tampered' },
  { reason: 'detached', title: 'Detached' },
];

export const TRANSPORTS: readonly { type: Transport['type']; title: string }[] = [
  { type: 'http', title: 'HTTP(S)' },
  { type: 'syslog', title: 'Syslog' },
  { type: 'snmp', title: 'SNMP trap' },
  { type: 'email', title: 'Mail' },
  { type: 'mqtt', title: 'MQTT' },
];

export const FORMATS: readonly { format: Receiver['format']; title: string }[] = [
  { format: 'cmx', title: 'JSON of CMX 10' },
  { format: 'mse8', title: 'JSON of MSE 8' },
  { format: 'mse7', title: 'JSON of MSE 7' },
  { format: 'xml', title: 'XML of MSE 7' },
  { format: 'text', title: 'Text, a line for people' },
];

export const TRUSTS = [
  { kind: 'system', title: 'The authorities of this machine' },
  { kind: 'ca', title: 'An authority of your own' },
  { kind: 'pin', title: 'One certificate, by its key hash' },
] as const;

/** `it enters Main › Ground › Lobby`, `an attack begins: Critical`. */
export function whenText(condition: Condition): string {
  return isAboutElements(condition) ? `it ${conditionText(condition)}` : conditionText(condition);
}

/** `enters Main › Ground › Lobby`: what an element does that is told, or what is seen on the air. */
export function conditionText(condition: Condition): string {
  switch (condition.type) {
    case 'containment': {
      const does = { inside: 'enters', outside: 'leaves', both: 'enters or leaves' };
      return `${does[condition.boundary ?? 'both']} ${pathText(condition.area)}`;
    }
    case 'movement':
      return `moves ${condition.distance_m} m`;
    case 'absence':
      return `is not heard for ${condition.minutes} min`;
    case 'area_change':
      return 'goes from one zone or floor to another';
    case 'association':
      switch (condition.associated) {
        case true:
          return 'joins the network';
        case false:
          return 'leaves the network';
        default:
          return 'joins the network or leaves it';
      }
    case 'location_update':
      return 'has a new position';
    case 'battery':
      return `has a battery that goes to ${condition.level}`;
    case 'emergency': {
      const known = EMERGENCIES.find(({ reason }) => reason === condition.reason);
      return known ? `calls for help: ${known.title.toLowerCase()}` : 'calls for help';
    }
    case 'chokepoint':
      return `is triggered by ${condition.name ? `chokepoint ${condition.name}` : 'a chokepoint'}`;
    case 'incident':
      return incidentText(condition);
    case 'rogue': {
      const classes = (condition.classes ?? []).map((name) => rogueClassTitle(name).toLowerCase());
      return classes.length > 0
        ? `an access point of others is ${classes.join(' or ')}`
        : 'an access point of others is heard';
    }
    case 'sensor_silent':
      return 'a sensor falls silent';
  }
}

function incidentText({ phase, severity, kinds = [], classes = [] }: IncidentCondition): string {
  const does = { opened: 'begins', closed: 'is over', both: 'begins or is over' };
  const limits = [
    severity && severity !== 'informational'
      ? `${severityTitle(severity)}${severity === 'critical' ? '' : ' or worse'}`
      : '',
    classes.map(classTitle).join(', '),
    kinds.length > 3 ? plural(kinds.length, 'kind') : kinds.map((kind) => kindTitle(kind)).join(', '),
  ].filter(Boolean);
  return `an attack ${does[phase ?? 'both']}${limits.length > 0 ? `: ${limits.join(' · ')}` : ''}`;
}

/** About whom a definition is; what is seen on the air has no category. */
export function aboutText({ conditions, filter }: Pick<Definition, 'conditions' | 'filter'>): string {
  const isPlain = filterText(filter) === filterText({});
  return isPlain && !conditions.some(isAboutElements) ? 'What sensors hear' : filterText(filter);
}

/** `Tags, Rogue APs · 00:0c:cc:* · in Main › Ground`: about whom, or `Every element`. */
export function filterText({ categories = [], macs = [], area = '' }: Definition['filter']): string {
  const parts = [
    categories.map((category) => categoryWords(category).title).join(', '),
    macs.length > 3 ? plural(macs.length, 'address pattern') : macs.join(', '),
    area && `in ${pathText(area)}`,
  ];
  return parts.filter(Boolean).join(' · ') || 'Every element';
}

/** `Main › Ground › Lobby` of `Main>Ground>Lobby`. */
export function pathText(path: string): string {
  return path.replaceAll('>', ' › ');
}

export function transportTitle(transport: Transport): string {
  return TRANSPORTS.find(({ type }) => type === transport.type)?.title ?? transport.type;
}

/** Where a receiver is, as people configured it. */
export function placeText(transport: Transport): string {
  switch (transport.type) {
    case 'http':
      return transport.url;
    case 'email':
      return `${transport.to} by ${transport.host}:${transport.port}`;
    case 'mqtt':
      return `${transport.topic} at ${transport.host}:${transport.port}`;
    default:
      return `${transport.host}:${transport.port}`;
  }
}

/** What may be told more seldom or made unreadable; empty where nothing was changed. */
export function paceText({ refresh_min, rate_limit_ms, scramble_salt }: Definition): string {
  return [
    refresh_min > 0 && `told again every ${integer(refresh_min)} min while it lasts`,
    rate_limit_ms > 0 && `at most one event in ${integer(rate_limit_ms)} ms`,
    scramble_salt !== undefined && 'addresses scrambled',
  ]
    .filter(Boolean)
    .join(' · ');
}
