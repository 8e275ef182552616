// The native API of the engine, written by hand from its contract.
// Times are milliseconds since 1970 UTC, lengths are metres, ids of places are decimal strings.
// This file knows no user interface; it deliberately keeps no state besides what fetch keeps.
// What the wIPS service answers is in `api-wips.ts`.
import type { KindClass, RogueClass, Severity } from './api-wips';

/** Category of an element as elements carry it. */
export type Category =
  'wireless_client' | 'tag' | 'rogue_ap' | 'rogue_client' | 'interferer' | 'wired_client';

/** Category of an element as URLs and counts name it. */
export type CategoryPath =
  'clients' | 'tags' | 'rogueaps' | 'rogueclients' | 'interferers' | 'wiredclients';

export type Role = 'admin' | 'operator' | 'viewer';

export interface Session {
  username: string;
  role: Role;
  must_change_password: boolean;
}

export interface Point {
  x: number;
  y: number;
}

export interface FloorSummary {
  id: string;
  campus: string;
  building: string;
  name: string;
  level: number;
  width: number;
  length: number;
  counts: Record<CategoryPath, number>;
}

export interface FloorImage {
  sha256: string;
  media_type: string;
  width_px: number;
  height_px: number;
}

export interface AccessPoint {
  mac: string;
  name: string;
  at: Point;
  height: number;
  radios: { band: string; channel: number; tx_power: number }[];
}

export interface Segment {
  from: Point;
  to: Point;
}

export interface Wall {
  line: Segment;
  loss_db: number;
}

export interface Region {
  kind: 'inclusion' | 'exclusion';
  outline: Point[];
}

export interface Zone {
  name: string;
  outline: Point[];
}

/** Triggers tags, so that they say that they are there. */
export interface Chokepoint {
  name: string;
  at: Point;
  /** How far away it triggers tags. */
  range: number;
}

/** Says where the clients are that are wired to it. */
export interface Switch {
  name: string;
  at: Point;
  /** How far away the clients on its ports are at most. */
  reach: number;
  /** Ports that come out at a known place. */
  outlets?: { port: string; at: Point }[];
}

/** What is drawn on a floor, and replaced as a whole. */
export interface Drawing {
  access_points: AccessPoint[];
  walls: Wall[];
  regions: Region[];
  rails: Segment[];
  chokepoints: Chokepoint[];
  switches: Switch[];
  zones: Zone[];
}

export interface Floor extends Omit<Drawing, 'rails' | 'chokepoints' | 'switches'> {
  name: string;
  level: number;
  width: number;
  length: number;
  height: number;
  image?: FloorImage;
  /** Absent where a floor has none, as those below. */
  rails?: Segment[];
  chokepoints?: Chokepoint[];
  switches?: Switch[];
}

export interface FloorDetails {
  id: string;
  campus: string;
  building: string;
  floor: Floor;
}

export interface SurveyReading {
  ap: string;
  band: string;
  rssi: number;
}

export interface SurveyPoint {
  number: number;
  floor: string;
  at: Point;
  taken: number;
  device?: string;
  readings: SurveyReading[];
}

export interface Misplaced {
  mac: string;
  name: string;
  distance_m: number;
  likely: Point;
}

export interface Calibration {
  points: number;
  points_min: number;
  method: string;
  error_mean_m: number | null;
  error_p90_m: number | null;
  misplaced: Misplaced[];
}

export interface ImportedMaps {
  campuses: number;
  buildings: number;
  floors: number;
  access_points: number;
}

export interface Reading {
  ap: string;
  band: string;
  rssi: number;
  at: number;
}

export interface Position {
  floor: string;
  point: Point;
  confidence: number;
  at: number;
}

export interface Association {
  associated: boolean;
  ap?: string;
  ssid?: string;
  username?: string;
  ip_addresses?: string[];
  bytes_sent: number;
  bytes_received: number;
}

/** What a tag said last about itself. */
export interface TagReport {
  at: number;
  battery?: { percent: number; tolerance_percent: number };
  emergency?: string;
  encounter?: { chokepoint: string; since: number; until: number };
  telemetry?: {
    motion_percent?: number;
    temperature_c?: number;
    humidity_percent?: number;
    pressure_hpa?: number;
  };
}

/** What a wired client is plugged into. */
export interface SwitchPort {
  /** Empty when it is the one that reports. */
  switch: string;
  port: string;
  civic?: Record<string, string>;
}

export interface Element {
  category: Category;
  mac: string;
  first_seen: number;
  last_seen: number;
  band: string | null;
  strongest: Reading | null;
  position: Position | null;
  association: Association;
  tag?: TagReport;
  switch_port?: SwitchPort;
  controller: string;
  missing: boolean;
  zones: string[];
}

export interface ElementsPage {
  total: number;
  elements: Element[];
}

export interface ElementsQuery {
  category?: CategoryPath | undefined;
  floor?: string;
  search?: string;
  page?: number;
  page_size?: number;
}

export interface TrailPoint {
  at: number;
  floor: string;
  x: number;
  y: number;
  confidence: number;
}

/** A client that stays at a known place: a survey point that renews itself. */
export interface KnownClient {
  category: Category;
  mac: string;
  at: Point;
  /** When it was heard there last for the survey. */
  taken: number | null;
  access_points: number;
}

/** Where one element was, of a floor that is played back. */
export interface PlaybackPoint {
  at: number;
  category: CategoryPath;
  mac: string;
  x: number;
  y: number;
}

/** What was on a floor, in order of time, up to a time. */
export interface PlaybackPart {
  until: number;
  points: PlaybackPoint[];
}

export interface CategoryCounts {
  category: CategoryPath;
  title: string;
  active: number;
  located: number;
  limit: number;
  not_tracked: number;
}

export interface Counts {
  limit: number;
  total: number;
  categories: CategoryCounts[];
}

/** A campus, building, floor or zone, or everywhere, and how many clients are there now. */
export interface PlaceNow {
  id: string;
  /** `Campus>Building>Floor>Zone`, or a beginning of it; empty for everywhere. */
  path: string;
  kind: 'everywhere' | 'campus' | 'building' | 'floor' | 'zone';
  connected: number;
  detected: number;
}

/** What analytics are asked about: a place, and a period by its word or by its days. */
export interface Question {
  place: string;
  period?: 'today' | 'yesterday' | 'lastweek' | 'lastmonth';
  from?: string;
  until?: string;
}

export interface VisitCounts {
  visitors: number;
  connected: number;
  passers_by: number;
}

/** Counts of hours or days in order of time; `local` is when one begins: `2026-11-28T08:00`. */
export interface Series<T> {
  buckets: ({ from: number; until: number; local: string } & T)[];
}

export interface Classes {
  classes: Record<string, number>;
}

export interface Summary extends VisitCounts {
  time_zone: string;
  from: number;
  until: number;
  dwell: Classes & { average_min: number };
  peak_hour: number | null;
}

/** Without `from` they came from outside all zones, without `to` they left them. */
export interface Flow {
  from?: string;
  to?: string;
  count: number;
}

export interface Heat {
  floor: string;
  /** Side of a cell in metres. */
  cell: number;
  columns: number;
  rows: number;
  cells: { column: number; row: number; seconds: number }[];
}

export type Boundary = 'inside' | 'outside';
export type BatteryLevel = 'low' | 'medium' | 'normal';
export type Emergency = 'panic_button' | 'tampered' | 'detached';

/** When a notification fires; the last three are about what the wIPS service sees. */
export type Condition =
  | { type: 'containment'; area: string; boundary?: Boundary }
  | { type: 'movement'; distance_m: number }
  | { type: 'absence'; minutes: number }
  | { type: 'area_change' }
  | { type: 'association'; associated?: boolean }
  | { type: 'location_update' }
  | { type: 'battery'; level: BatteryLevel }
  | { type: 'emergency'; reason?: Emergency }
  | { type: 'chokepoint'; name?: string }
  | {
      type: 'incident';
      phase?: 'opened' | 'closed';
      /** The least. */
      severity?: Severity;
      kinds?: string[];
      classes?: KindClass[];
    }
  | { type: 'rogue'; classes?: RogueClass[] }
  | { type: 'sensor_silent' };

/** Whose certificates are believed: those of the machine, of an authority, or one by its key hash. */
export type Trust = 'system' | { ca: string } | { pin: string };

export interface Authentication {
  username: string;
  password: string;
}

/** How a receiver is reached. */
export type Transport =
  | { type: 'http'; url: string; headers?: Record<string, string>; trust?: Trust }
  | { type: 'syslog'; host: string; port: number; protocol: 'udp' | 'tcp' | 'tls'; trust?: Trust }
  | { type: 'snmp'; host: string; port: number; community: string }
  | {
      type: 'email';
      host: string;
      port: number;
      security?: 'start_tls' | 'tls' | 'none';
      trust?: Trust;
      login?: Authentication;
      from: string;
      to: string;
    }
  | {
      type: 'mqtt';
      host: string;
      port: number;
      tls?: boolean;
      trust?: Trust;
      login?: Authentication;
      topic: string;
    };

export interface Receiver {
  transport: Transport;
  format: 'cmx' | 'mse8' | 'mse7' | 'xml' | 'text';
}

/** About whom: what is left out is no limit. */
export interface Filter {
  categories?: Category[];
  macs?: string[];
  area?: string;
}

/** Who is told what about which elements. `***` stands for a secret as it is. */
export interface Definition {
  name: string;
  group?: string;
  enabled: boolean;
  conditions: Condition[];
  filter: Filter;
  receivers: Receiver[];
  scramble_salt?: string;
  refresh_min: number;
  retry_count: number;
  rate_limit_ms: number;
  queue_limit: number;
}

export interface ReceiverStatus {
  place: string;
  reach: 'unknown' | 'up' | 'down';
  /** Why it is down. */
  reason?: string;
  fired: number;
  sent: number;
  /** Tries that failed. */
  failures: number;
  /** Given up after the last try. */
  lost: number;
  /** The queue was full. */
  dropped: number;
  waiting: number;
  in_flight: number;
}

export interface Notification {
  definition: Definition;
  /** In the order of the definition; empty while it is not enabled. */
  receivers: ReceiverStatus[];
}

/** What became of a test: the receiver took it unless it says why not. */
export interface TestOutcome {
  place: string;
  error?: string;
}

export interface NmspMessages {
  id: number;
  name: string;
  direction: 'in' | 'out';
  count: number;
  bytes: number;
  last_activity: number;
}

export interface NmspConnection {
  address: string;
  name: string;
  state: 'active' | 'connecting' | 'inactive';
  reason: string | null;
  detail: string | null;
  target_type: string;
  since: number;
  echo_requests: number;
  echo_responses: number;
  last_activity: number | null;
  last_echo_request: number | null;
  last_echo_response: number | null;
  capable: string[];
  subscribed: { service: string; subservices: string[] }[];
  messages: NmspMessages[];
  unsupported: number;
}

export interface Server {
  product: string;
  version: string;
  start_time: number;
  current_time: number;
}

export interface ElementsFrame {
  type: 'elements';
  elements: Element[];
  removed: { category: CategoryPath; mac: string }[];
}

export type LiveFrame =
  | ElementsFrame
  | { type: 'heartbeat' }
  | { type: 'lagged'; missed: number };

/** A refusal of the engine, or `status` 0 when there was no answer at all. */
export class ApiError extends Error {
  constructor(
    readonly status: number,
    readonly code: string,
    message: string,
    /** How long to wait before the next try, where the engine says so. */
    readonly retry_after_s = 0,
    /** The field of the body that is at fault, as `rules[0].ssid`; empty where none is. */
    readonly field = '',
  ) {
    super(message);
  }
}

/** Something that is read to be changed, with the revision that the change names. */
export interface Revised<T> {
  value: T;
  revision: string;
}

/** Text for people of anything thrown by a request. */
export function errorText(error: unknown): string {
  const text = error instanceof Error ? error.message : String(error);
  // The engine's words continue a line in a log; here they stand by themselves.
  return text.charAt(0).toUpperCase() + text.slice(1);
}

export const ROOT = '/api/v1';
/** More points than this are finer than a screen shows; ours. */
const TRAIL_POINTS_MAX = 1000;
/** Without this header the engine refuses every request that changes something. */
const FORGERY_GUARD = { 'X-MSE-Console': '1' };
/** Used where a 429 comes without `Retry-After`; ours. */
const RETRY_AFTER_DEFAULT_S = 5;

let onRefusal: (error: ApiError) => void = () => {};

/** Tells `listener` about every refusal; the session watches for the ones that end it. */
export function watchRefusals(listener: (error: ApiError) => void): void {
  onRefusal = listener;
}

async function refusal(response: Response): Promise<ApiError> {
  const body: unknown = await response.json().catch(() => null);
  const error = (body as { error?: { code?: string; message?: string; field?: string } } | null)?.error;
  const wait_s = Number(response.headers.get('Retry-After')) || 0;
  return new ApiError(
    response.status,
    error?.code ?? 'unknown',
    error?.message ?? `The engine answered ${response.status} ${response.statusText}.`,
    response.status === 429 ? wait_s || RETRY_AFTER_DEFAULT_S : wait_s,
    error?.field,
  );
}

async function request<T>(method: string, path: string, init: RequestInit = {}): Promise<T> {
  const response = await answer(method, path, init);
  return (response.status === 204 ? undefined : await response.json()) as T;
}

async function answer(method: string, path: string, init: RequestInit = {}): Promise<Response> {
  const headers = method === 'GET' ? {} : { ...FORGERY_GUARD, ...init.headers };
  let response: Response;
  try {
    response = await fetch(ROOT + path, { ...init, method, headers });
  } catch (error) {
    if (init.signal?.aborted) throw error;
    throw new ApiError(0, 'unreachable', 'The engine does not answer. Is it running?');
  }
  if (!response.ok) {
    const error = await refusal(response);
    onRefusal(error);
    throw error;
  }
  return response;
}

export function read<T>(path: string, signal?: AbortSignal): Promise<T> {
  return request<T>('GET', path, signal ? { signal } : {});
}

export function write<T>(method: string, path: string, body?: unknown): Promise<T> {
  if (body === undefined) return request<T>(method, path);
  const headers = { 'Content-Type': 'application/json' };
  return request<T>(method, path, { headers, body: JSON.stringify(body) });
}

export async function readToChange<T>(path: string, signal?: AbortSignal): Promise<Revised<T>> {
  const response = await answer('GET', path, signal ? { signal } : {});
  return { value: (await response.json()) as T, revision: response.headers.get('ETag') ?? '' };
}

/**
 * Changes what still has this revision, or adds what is not there, and returns the new revision.
 * Whoever comes second gets a 412.
 */
export async function change(
  method: string,
  path: string,
  body: unknown,
  revision: string | undefined,
): Promise<string> {
  const response = await answer(method, path, {
    headers: { 'Content-Type': 'application/json', ...seen(revision) },
    body: JSON.stringify(body),
  });
  return response.headers.get('ETag') ?? '';
}

/** What was seen of what is changed; nothing, where it is new. */
function seen(revision: string | undefined): Record<string, string> {
  return revision === undefined ? { 'If-None-Match': '*' } : { 'If-Match': revision };
}

/** Whether a change was refused because somebody else was first. */
export function isOvertaken(error: unknown): boolean {
  return error instanceof ApiError && error.status === 412;
}

export const logIn = (username: string, password: string) =>
  write<Session>('POST', '/session', { username, password });
export const readSession = () => read<Session>('/session');
export const logOut = () => write<void>('DELETE', '/session');
export const changePassword = (current: string, next: string) =>
  write<void>('PUT', '/session/password', { current, new: next });

/** The revision is that of all maps. */
export const readFloors = (signal?: AbortSignal) => readToChange<FloorSummary[]>('/floors', signal);
export const readFloor = (id: string, signal?: AbortSignal) =>
  read<FloorDetails>(`/floors/${encodeURIComponent(id)}`, signal);
const floorPath = (id: string) => `/floors/${encodeURIComponent(id)}`;
export const readFloorToEdit = (id: string) => readToChange<FloorDetails>(floorPath(id));
/** Replaces what is drawn on a floor; returns the new revision. */
export const saveDrawing = (id: string, drawing: Drawing, revision: string) =>
  change('PUT', floorPath(id), drawing, revision);
/** The past of a floor between two times; the answer may end earlier. */
export const readPlayback = (
  id: string,
  from: number,
  until: number,
  step_s: number,
  signal?: AbortSignal,
) =>
  read<PlaybackPart>(
    `${floorPath(id)}/playback?from=${from}&until=${until}&step_s=${step_s}`,
    signal,
  );
export const readUnplaced = (signal?: AbortSignal) =>
  read<{ mac: string; name: string }[]>('/access_points/unplaced', signal);

const surveyPath = (floor: string) => `/floors/${encodeURIComponent(floor)}/survey`;
export const surveyCsvUrl = (floor: string) => `${ROOT}${surveyPath(floor)}.csv`;
export const readSurvey = (floor: string, signal?: AbortSignal) =>
  read<SurveyPoint[]>(surveyPath(floor), signal);
export const takeSurveyPoint = (
  floor: string,
  at: Point,
  element: { category: CategoryPath; mac: string },
) => write<SurveyPoint>('POST', surveyPath(floor), { at, element });
/** The time tells the engine which point is meant when somebody else has removed one meanwhile. */
export const removeSurveyPoint = (floor: string, { number, taken }: SurveyPoint) =>
  write<void>('DELETE', `${surveyPath(floor)}/${number}?taken=${taken}`);
export const importSurvey = (floor: string, csv: Blob) =>
  request<{ points: number; unplaced_access_points: number }>('PUT', `${surveyPath(floor)}.csv`, {
    headers: { 'Content-Type': 'text/csv' },
    body: csv,
  });
export const readCalibration = (floor: string, signal?: AbortSignal) =>
  read<Calibration>(`${floorPath(floor)}/calibration`, signal);
export const readCalibrations = (signal?: AbortSignal) =>
  read<(Calibration & { floor: string })[]>('/calibration', signal);

const knownPath = (floor: string) => `${floorPath(floor)}/known_clients`;
export const readKnownClients = (floor: string, signal?: AbortSignal) =>
  read<KnownClient[]>(knownPath(floor), signal);
export const putKnownClient = (
  floor: string,
  at: Point,
  { category, mac }: { category: CategoryPath; mac: string },
) => write<KnownClient>('PUT', `${knownPath(floor)}/${category}/${mac}`, { at });
export const removeKnownClient = (
  floor: string,
  { category, mac }: { category: CategoryPath; mac: string },
) => write<void>('DELETE', `${knownPath(floor)}/${category}/${mac}`);

/** Address of the plan; the hash makes a newly imported plan a new address for the cache. */
export const floorImageUrl = (id: string, image: FloorImage) =>
  `${ROOT}/floors/${encodeURIComponent(id)}/image?sha256=${image.sha256}`;
export const MAPS_ARCHIVE_URL = `${ROOT}/maps/archive`;
/** Replaces all maps, when they still have this revision. */
export const importMaps = (archive: Blob, revision: string) =>
  request<ImportedMaps>('PUT', '/maps/archive', {
    headers: { 'Content-Type': 'application/gzip', ...seen(revision) },
    body: archive,
  });

export function readElements(query: ElementsQuery, signal?: AbortSignal): Promise<ElementsPage> {
  const parameters = new URLSearchParams();
  for (const [name, value] of Object.entries(query)) {
    if (value !== undefined && value !== '') parameters.set(name, String(value));
  }
  return read<ElementsPage>(`/elements?${parameters}`, signal);
}
/** Colons are allowed in a path, and keep addresses readable in the engine's log. */
const elementPath = (category: CategoryPath, mac: string) =>
  `/elements/${category}/${encodeURIComponent(mac).replaceAll('%3A', ':')}`;
export const readElement = (category: CategoryPath, mac: string, signal?: AbortSignal) =>
  read<Element>(elementPath(category, mac), signal);
export const readTrail = (
  category: CategoryPath,
  mac: string,
  minutes: number,
  signal?: AbortSignal,
) =>
  read<TrailPoint[]>(
    `${elementPath(category, mac)}/trail?minutes=${minutes}&limit=${TRAIL_POINTS_MAX}`,
    signal,
  );
export const readCounts = (signal?: AbortSignal) => read<Counts>('/counts', signal);

export const readPlaces = (signal?: AbortSignal) => read<PlaceNow[]>('/analytics/places', signal);
const analytics = (report: string, question: Question) =>
  `/analytics/${report}?${new URLSearchParams({ ...question })}`;
export const readVisitCounts = (question: Question, signal?: AbortSignal) =>
  read<Series<VisitCounts>>(analytics('counts', question), signal);
export const readRepeats = (question: Question, signal?: AbortSignal) =>
  read<Series<Classes>>(analytics('repeats', question), signal);
export const readSummary = (question: Question, signal?: AbortSignal) =>
  read<Summary>(analytics('summary', question), signal);
export const readFlows = (question: Question, signal?: AbortSignal) =>
  read<Flow[]>(analytics('flows', question), signal);
export const readHeat = (question: Question, signal?: AbortSignal) =>
  read<Heat>(analytics('heat', question), signal);

const notificationPath = (name: string) => `/notifications/${encodeURIComponent(name)}`;
export const readNotifications = (signal?: AbortSignal) =>
  read<Notification[]>('/notifications', signal);
export const readNotification = (name: string, signal?: AbortSignal) =>
  readToChange<Notification>(notificationPath(name), signal);
/** Without a revision it is a new one. */
export const saveNotification = (definition: Definition, revision: string | undefined) =>
  change('PUT', notificationPath(definition.name), definition, revision);
export const removeNotification = (name: string, revision: string) =>
  request<void>('DELETE', notificationPath(name), { headers: seen(revision) });
export const testNotification = (name: string) =>
  write<TestOutcome[]>('POST', `${notificationPath(name)}/test`);

export const readNmsp = (signal?: AbortSignal) =>
  read<{ connections: NmspConnection[] }>('/nmsp', signal);
export const readServer = () => read<Server>('/server');

/** Address of the live feed of one floor. */
export function liveUrl(floor: string): string {
  const url = new URL(`${ROOT}/live`, location.href);
  url.protocol = url.protocol === 'https:' ? 'wss:' : 'ws:';
  url.searchParams.set('floor', floor);
  return url.href;
}
