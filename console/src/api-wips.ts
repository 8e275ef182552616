// The wIPS part of the native API: incidents, access points of others, sensors and articles.
// Times of capture are microseconds since 1970 UTC, because frames follow each other in tens of
// them; all other times are milliseconds, as everywhere.
import { change, read, readToChange, ROOT, write } from './api';

export type Severity = 'informational' | 'minor' | 'major' | 'critical';
export type Standing = 'active' | 'acknowledged' | 'quiet' | 'cleared';
export type KindClass =
  'access_point' | 'medium' | 'station' | 'impersonation' | 'penetration' | 'policy';

/** Who sends the frames of an attack, as far as the air tells. */
export type Transmitter =
  | { who: 'own'; address: string }
  | { who: 'spoofed'; address: string }
  | { who: 'invented'; example: string }
  | { who: 'unnamed' };

export interface Channel {
  number: number;
  band: string;
}

/** Where a radio is, as the sensors that hear it tell. */
export interface WipsPlace {
  floor: string;
  /** Campus, building and floor. */
  path: string[];
  x: number;
  y: number;
  radius_m: number;
  /** Too few sensors hear it for more than which of them is near. */
  is_presence: boolean;
}

/** What one kind of detection contributes to an incident. */
export interface Part {
  kind: string;
  /** What exactly, where a kind has variants. */
  detail?: string;
  transmitter: Transmitter;
  victim: string | null;
  bssid: string | null;
  first: number;
  detected: number;
  last: number;
  frames: number;
  evidence: string[];
  fidelity: number;
}

export interface SensorHearing {
  sensor: number;
  name: string;
  rssi_dbm: number | null;
  frames: number;
}

/** One attack, whatever detectors and sensors saw of it. */
export interface Incident {
  id: number;
  kind: string;
  severity: Severity;
  /** How sure it is, 0 to 100. */
  fidelity: number;
  transmitter: Transmitter;
  victim: string | null;
  bssid: string | null;
  ssid: string | null;
  channel: Channel | null;
  first: number;
  detected: number;
  last: number;
  frames: number;
  parts: Part[];
  standing: Standing;
  acknowledged_by?: string | null;
  acknowledged_at?: number | null;
  cleared_by?: string | null;
  cleared_at?: number | null;
  note?: string | null;
  place?: WipsPlace | null;
  victim_place?: WipsPlace | null;
  transmitter_vendor?: string | null;
  victim_vendor?: string | null;
  sensors?: SensorHearing[];
  forensics?: { sha256: string; bytes: number; packets: number } | null;
}

export interface IncidentsPage {
  incidents: Incident[];
  next_before: number | null;
}

/** What incidents are asked for; what is left out is no limit. */
export interface IncidentsQuery {
  standing?: 'open' | 'closed' | 'all';
  /** The least. */
  severity?: Severity;
  kind?: string;
  class?: KindClass;
  q?: string;
  /** Milliseconds since 1970 UTC. */
  from?: number;
  to?: number;
  limit?: number;
  before?: number;
}

export interface WipsSummary {
  state: 'up' | 'down' | 'off';
  sensors: Record<SensorState, number>;
  monitor_mode_aps: number;
  local_mode_aps: number;
  /** Open ones. */
  incidents: Record<Severity, number>;
  packets: number;
  copies: number;
  damaged: number;
  dropped: number;
  late: number;
}

export type RogueClass = 'friendly' | 'malicious' | 'unclassified' | 'custom';
/** What is recommended against an access point of others; nothing is done by itself. */
export type Recommendation = 'leave' | 'locate' | 'shut_port' | 'contain';

/** An access point that is not of the infrastructure. */
export interface Rogue {
  bssid: string;
  ssid: string | null;
  class: RogueClass;
  /** What a class of the owner's own is called. */
  custom?: string | null;
  /** The rule that gave the class, or what is built in. */
  rule: string | null;
  /** The person who gave it. */
  set_by: string | null;
  /** When; milliseconds. */
  set_at?: number | null;
  /** In percent. */
  confidence: number;
  recommendation?: Recommendation;
  channel: Channel | null;
  rssi_dbm: number | null;
  stations: number;
  sensors: number;
  is_open: boolean;
  requires_pmf: boolean;
  is_on_wire: boolean;
  is_attacking: boolean;
  /** When it was heard; microseconds. */
  first: number;
  last: number;
  vendor: string | null;
  place: WipsPlace | null;
}

export type SensorState = 'capturing' | 'silent' | 'failed' | 'ended';

export interface WipsSensor {
  id: number;
  controller: string;
  /** At its controller. */
  number: number;
  name: string;
  ap: string | null;
  ap_name: string | null;
  mode: 'monitor' | 'local';
  state: SensorState;
  /** Why, when it cannot capture. */
  text: string;
  /** When it captured last, by its own clock; milliseconds. */
  last: number | null;
  packets: number;
  dropped: number;
  place: WipsPlace | null;
}

/** An article of the encyclopaedia. */
export interface Article {
  kind: string;
  name: string;
  class: KindClass;
  severity: Severity;
  description: string;
  remedy: string;
  /** What holds where the profile says nothing. */
  default_severity: Severity;
  default_threshold: Threshold;
}

/** When a detector speaks. */
export interface Threshold {
  frames: number;
  /** Or so many transmitters; absent where they are not counted. */
  transmitters?: number;
  seconds: number;
}

/** When managed networks are used; by day where `from_h` is less, else through the night. */
export interface Hours {
  from_h: number;
  to_h: number;
  utc_offset_min: number;
  weekends: boolean;
}

/** How access points of others are sorted: the first rule counts all of whose conditions hold. */
export interface Rule {
  name: string;
  class: RogueClass;
  custom?: string;
  ssid?: string;
  managed_ssid?: boolean;
  open?: boolean;
  rssi_dbm_min?: number;
  lasted_s_min?: number;
  stations_min?: number;
  on_wire?: boolean;
  confidence: number;
}

/** What the owner lists; an empty list allows everything. */
export interface Lists {
  /** The first three octets of addresses. */
  access_point_vendors: string[];
  station_vendors: string[];
  /** Stations whose address was made up are told as well. */
  refuse_made_up: boolean;
  /** As `DE`. */
  countries: string[];
  channels: number[];
  forbidden_words: string[];
  isolated_ssids: string[];
}

/** Whom to protect, and when to speak. */
export interface Profile {
  name: string;
  managed: { ssids: string[]; bssids: string[]; stations: string[] };
  approved_bssids: string[];
  approved_ssids: string[];
  canary_ssids: string[];
  hours?: Hours;
  lists: Lists;
  wired: string[];
  rules: Rule[];
  disabled: string[];
  /** By kind; the others have their defaults. */
  thresholds: Record<string, Threshold>;
  severities: Record<string, Severity>;
  quiet_s_min: number;
  quiet_s_max: number;
  radios_max: number;
}

const incidentPath = (id: number) => `/wips/incidents/${id}`;

export const readWipsSummary = (signal?: AbortSignal) => read<WipsSummary>('/wips/summary', signal);
export function readIncidents(query: IncidentsQuery, signal?: AbortSignal): Promise<IncidentsPage> {
  const parameters = new URLSearchParams();
  for (const [name, value] of Object.entries(query)) {
    if (value !== undefined && value !== '') parameters.set(name, String(value));
  }
  return read<IncidentsPage>(`/wips/incidents?${parameters}`, signal);
}
export const readIncident = (id: number, signal?: AbortSignal) =>
  read<Incident>(incidentPath(id), signal);
export const acknowledgeIncident = (id: number, note: string) =>
  write<Incident>('POST', `${incidentPath(id)}/acknowledge`, note ? { note } : {});
export const clearIncident = (id: number, note: string) =>
  write<Incident>('POST', `${incidentPath(id)}/clear`, note ? { note } : {});
export const forensicsUrl = (id: number) => `${ROOT}${incidentPath(id)}/forensics`;

const roguePath = (bssid: string) => `/wips/rogues/${bssid}/class`;
export const readRogues = async (signal?: AbortSignal) =>
  (await read<{ rogues: Rogue[] }>('/wips/rogues', signal)).rogues;
/** `custom` is what a class of the owner's own is called. */
export const classifyRogue = (bssid: string, word: { class: RogueClass; custom?: string }) =>
  write<void>('PUT', roguePath(bssid), word);
export const unclassifyRogue = (bssid: string) => write<void>('DELETE', roguePath(bssid));

export const readSensors = async (signal?: AbortSignal) =>
  (await read<{ sensors: WipsSensor[] }>('/wips/sensors', signal)).sensors;
const PROFILE = '/wips/profile';
export const readProfile = (signal?: AbortSignal) => readToChange<Profile>(PROFILE, signal);
export const saveProfile = (profile: Profile, revision: string) =>
  change('PUT', PROFILE, profile, revision);

export const readKinds = async (signal?: AbortSignal) =>
  (await read<{ kinds: Article[] }>('/wips/kinds', signal)).kinds;
