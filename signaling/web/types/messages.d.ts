// The messages of `signaling/proto`, as the page sees them. The Rust types are the source; this file follows them.

export type EndpointId = string;
export type CallId = string;
export type ButtonId = string;
export type DoorId = string;

// ---- state.rs

export interface Button { id: ButtonId; label: string }
export interface Door { id: DoorId; label: string; open_without_ring?: boolean }
export type Activity = 'idle' | 'watched' | 'ringing' | 'in_call';
export type Health = { state: 'working' } | { state: 'absent' } | { state: 'missing'; reason: string };
export interface MediaHealth { camera: Health; microphone: Health; speaker: Health }
export type StationFault =
  | { fault: 'button_stuck'; button: ButtonId }
  | { fault: 'buttons_lost'; reason: string }
  | { fault: 'relay_stuck'; door: DoorId }
  | { fault: 'too_many_clients' };
export interface Station {
  id: EndpointId;
  name: string;
  buttons: Button[];
  doors: Door[];
  activity: Activity;
  media: MediaHealth;
  faults?: StationFault[];
}

// ---- signaling.rs: page to companion

export interface Hello {
  type: 'hello';
  version: number;
  room: string;
  id: EndpointId;
  resume: string;
  secret?: string;
  role: { kind: 'client'; name?: string };
}

export type ClientMessage = { type: 'signal'; to: EndpointId; signal: ClientSignal } | { type: 'ping' };

export type ClientSignal =
  | { type: 'rang'; call: CallId }
  | { type: 'watch' }
  | { type: 'answer'; call: CallId; answer: string }
  | { type: 'candidate'; call: CallId; candidate: string }
  | { type: 'accept'; call: CallId }
  | { type: 'decline'; call: CallId }
  | { type: 'hang_up'; call: CallId }
  | { type: 'reconnect'; call: CallId };

// ---- signaling.rs: companion to page

export type Refusal =
  | 'version' | 'secret' | 'unclaimed' | 'id_taken' | 'replaced' | 'full' | 'foreign_station' | 'malformed'
  | 'too_fast' | 'too_slow';

export type ToClient =
  | { type: 'welcome'; version: number; stations: Station[] }
  | { type: 'refused'; code: Refusal; message: string }
  | { type: 'station'; station: Station }
  | { type: 'station_gone'; id: EndpointId }
  | { type: 'signal'; from: EndpointId; signal: StationSignal }
  | { type: 'undeliverable'; to: EndpointId }
  | { type: 'pong' };

export interface Ring {
  type: 'ring';
  call: CallId;
  button: Button;
  offer: string | null;
  timeout_ms: number;
  pressed_at_ms: number;
}

export type StationSignal =
  | Ring
  | { type: 'offer'; call: CallId; offer: string }
  | { type: 'candidate'; call: CallId; candidate: string }
  | { type: 'accepted'; call: CallId }
  | { type: 'channel_missing'; call: CallId }
  | { type: 'ended'; call: CallId | null; reason: EndReason };

export type EndReason =
  | 'hung_up' | 'answered_elsewhere' | 'declined' | 'ring_timeout' | 'max_duration' | 'connection_lost'
  | 'handshake_failed' | 'busy' | 'station_closing' | 'malformed';

// ---- control.rs: page to station

export type Request =
  | { type: 'accept' }
  | { type: 'decline' }
  | { type: 'hang_up' }
  | { type: 'unlock'; request: number; door: DoorId }
  | { type: 'ping'; token: number };

// ---- control.rs: station to page

export type UnlockRefusal = 'not_in_call' | 'no_such_door' | 'already_open' | 'too_often' | 'not_rung';
export type UnlockOutcome =
  | { result: 'opened'; pulse_ms: number }
  | { result: 'refused'; reason: UnlockRefusal }
  | { result: 'failed'; message: string };

export type ControlEvent =
  | { type: 'hello'; version: number; call: CallId }
  | { type: 'accepted' }
  | { type: 'ended'; reason: EndReason }
  | { type: 'unlock_result'; request: number; door: DoorId; outcome: UnlockOutcome }
  | { type: 'door_state'; door: DoorId; open: boolean }
  | { type: 'media'; media: MediaHealth }
  | { type: 'pressed_again' }
  | { type: 'pong'; token: number }
  | { type: 'malformed'; message: string };

// ---- the simulated board's panel

export interface SimState {
  station: string;
  buttons: { id: ButtonId; label: string; pressed: boolean }[];
  relays: { id: string; label: string; energised: boolean; moves: { at_ms: number; energised: boolean }[] }[];
  indicator: 'off' | 'ready' | 'watched' | 'ringing' | 'connecting' | 'talking' | 'fault';
  chime: 'silent' | 'ringing' | 'accepted' | 'ended' | 'refused';
  microphone_dbfs: number | null;
  speaker_dbfs: number | null;
  activity: Activity;
}
