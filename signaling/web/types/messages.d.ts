// Generated from signaling/proto/schema by `npm run types`: change the Rust types, and not this file.

/** What a client sends after its hello. */
export type ClientMessage =
  /** Pass a signal to a station. */
  | {
    type: 'signal';
    /** The station. */
    to: EndpointId;
    /** What it is told. */
    signal: ClientSignal;
  }
  /** Answered by `pong`; shows that the companion is alive. */
  | { type: 'ping' };

/** What the station tells the page. */
export type Event =
  /** The first message on every channel. */
  | {
    type: 'hello';
    /** `CONTROL_VERSION` of the station. */
    version: number;
    /** The call that this connection belongs to. */
    call: CallId;
  }
  /** This client's `accept` came first. */
  | { type: 'accepted' }
  /** The call is over for this client; the station closes the connection after this. */
  | {
    type: 'ended';
    /** Why. */
    reason: EndReason;
  }
  /** What became of an `unlock`. */
  | {
    type: 'unlock_result';
    /** The page's number. */
    request: number;
    /** The door. */
    door: DoorId;
    /** What became of it. */
    outcome: UnlockOutcome;
  }
  /** A door's relay moved, whoever asked for it. */
  | {
    type: 'door_state';
    /** The door. */
    door: DoorId;
    /** Whether the relay is energised. */
    open: boolean;
  }
  /** What of the station's media works changed during the call. */
  | {
    type: 'media';
    /** What works now. */
    media: MediaHealth;
  }
  /** The visitor pressed again while the call is on. */
  | { type: 'pressed_again' }
  /** Answer to a ping. */
  | {
    type: 'pong';
    /** The token of the ping. */
    token: number;
  }
  /** A message of the page was not understood; the station closes the connection after this. */
  | {
    type: 'malformed';
    /** What was wrong with it. */
    message: string;
  };

/** The first frame of every endpoint. */
export type Hello = {
  type: 'hello';
  /** `SIGNALING_VERSION` of the endpoint. */
  version: number;
  /** The room to enter; `home` unless somebody configured another. */
  room: RoomId;
  /**
   * The endpoint's own id. An endpoint that comes back with the id and the `resume` of one that is still
   * there replaces it.
   */
  id: EndpointId;
  /** A random text that the endpoint keeps while it runs; it proves that a reconnect is the same endpoint. */
  resume: string;
  /** What the endpoint is. */
  role: Role;
  /** The companion's shared secret, where it has one. */
  secret?: string | null;
};

/** What the page asks of the station. */
export type Request =
  /** I will talk with the visitor. */
  | { type: 'accept' }
  /** I will not; others may. */
  | { type: 'decline' }
  /** I am done. */
  | { type: 'hang_up' }
  /** Open a door. Answered by exactly one `unlock_result` with the same `request`, after the relay has acted. */
  | {
    type: 'unlock';
    /** The page's number for this request. */
    request: number;
    /** The door. */
    door: DoorId;
  }
  /** Answered by `pong`, for the round-trip time and to notice a dead station. */
  | {
    type: 'ping';
    /** Comes back unchanged. */
    token: number;
  };

/** What a station sends after its hello. */
export type StationMessage =
  /** Pass a signal to a client. */
  | {
    type: 'signal';
    /** The client. */
    to: EndpointId;
    /** What it is told. */
    signal: StationSignal;
  }
  /** The station's activity, media or faults changed: every client of the room is told. */
  | {
    type: 'status';
    /** What it is doing. */
    activity: Activity;
    /** What of its media works. */
    media: MediaHealth;
    /** What is wrong at the door itself. */
    faults?: StationFault[];
  }
  /** Answered by `pong`; shows that the companion is alive. */
  | { type: 'ping' };

/** What the companion sends to a client. */
export type ToClient =
  /** The hello was taken. */
  | {
    type: 'welcome';
    /** `SIGNALING_VERSION` of the companion. */
    version: number;
    /** The stations of the room at this moment. Those that do not fit into the frame follow as `station`. */
    stations: Station[];
  }
  /** The hello or a message was not taken; the companion closes after this. */
  | {
    type: 'refused';
    /** Why, for the program. */
    code: Refusal;
    /** Why and what to do, for a person. */
    message: string;
  }
  /** A station came, came back, or what it tells about itself changed. */
  | {
    type: 'station';
    /** The station as it is now. */
    station: Station;
  }
  /** A station left. */
  | {
    type: 'station_gone';
    /** The station. */
    id: EndpointId;
  }
  /** A signal of a station. */
  | {
    type: 'signal';
    /** The station. */
    from: EndpointId;
    /** What it says. */
    signal: StationSignal;
  }
  /** The addressed station is not in the room. */
  | {
    type: 'undeliverable';
    /** The address. */
    to: EndpointId;
  }
  /** Answer to a ping. */
  | { type: 'pong' };

/** What the companion sends to a station. */
export type ToStation =
  /** The hello was taken. */
  | {
    type: 'welcome';
    /** `SIGNALING_VERSION` of the companion. */
    version: number;
    /** The clients of the room at this moment. Those that do not fit into the frame follow as `client_here`. */
    clients: Client[];
  }
  /** The hello or a message was not taken; the companion closes after this. */
  | {
    type: 'refused';
    /** Why, for the program. */
    code: Refusal;
    /** Why and what to do, for a person. */
    message: string;
  }
  /** A client came, or came back without having been gone: what was sent to it meanwhile may be lost. */
  | {
    type: 'client_here';
    /** The client. */
    client: Client;
  }
  /** A client left. */
  | {
    type: 'client_gone';
    /** The client. */
    id: EndpointId;
  }
  /** A signal of a client. */
  | {
    type: 'signal';
    /** The client. */
    from: EndpointId;
    /** What it says. */
    signal: ClientSignal;
  }
  /** The addressed client is not in the room. */
  | {
    type: 'undeliverable';
    /** The address. */
    to: EndpointId;
  }
  /** Answer to a ping. */
  | { type: 'pong' };

/** What a station is doing. */
export type Activity =
  /** Nobody rings, talks or watches. */
  | 'idle'
  /** Somebody watches without having been rung. */
  | 'watched'
  /** A visitor pressed and nobody has answered yet. */
  | 'ringing'
  /** Somebody talks with the visitor. */
  | 'in_call';

/** A call button that a visitor can press. */
export interface Button {
  /** The button's id in the station's configuration. */
  id: ButtonId;
  /** What a person reads: a flat, a name. */
  label: string;
}

/** A call button, as the station's configuration names it. */
export type ButtonId = string;

/**
 * One call of one station, from the press or the watch to its end. Random, so that a restarted station does
 * not take up an older call by mistake.
 */
export type CallId = string;

/** A client as stations see it. */
export interface Client {
  /** The endpoint to address. */
  id: EndpointId;
  /** What a person reads; may be empty. */
  name: string;
}

/** What a client says to a station. */
export type ClientSignal =
  /** The receipt for a ring: this client shows it. */
  | {
    type: 'rang';
    /** The call. */
    call: CallId;
  }
  /** Let me see the visitor though nobody pressed. */
  | { type: 'watch' }
  /** The SDP answer to an offer. */
  | {
    type: 'answer';
    /** The call. */
    call: CallId;
    /** The client's SDP answer. */
    answer: string;
  }
  /** A candidate of the client. */
  | {
    type: 'candidate';
    /** The call. */
    call: CallId;
    /** `candidate:…` as in RFC 8839, for the first media line. */
    candidate: string;
  }
  /** I will talk with the visitor. */
  | {
    type: 'accept';
    /** The call. */
    call: CallId;
  }
  /** I will not; others may. */
  | {
    type: 'decline';
    /** The call. */
    call: CallId;
  }
  /** My media connection broke off: offer me another one for the same call. */
  | {
    type: 'reconnect';
    /** The call. */
    call: CallId;
  }
  /** I am done. */
  | {
    type: 'hang_up';
    /** The call. */
    call: CallId;
  };

/** A door that the station can open. */
export interface Door {
  /** The door's id in the station's configuration. */
  id: DoorId;
  /** What a person reads. */
  label: string;
  /** Whether it opens for somebody who talks although nobody pressed a button. */
  open_without_ring?: boolean;
}

/** A door, as the station's configuration names it. */
export type DoorId = string;

/** Why a call is over for a client. */
export type EndReason =
  /** Somebody hung up: this client, or the visitor by the button. */
  | 'hung_up'
  /** Another client answered first. */
  | 'answered_elsewhere'
  /** This client declined, or everybody who was rung did. */
  | 'declined'
  /** Nobody answered in time. */
  | 'ring_timeout'
  /** The longest duration of a call was reached. */
  | 'max_duration'
  /** The media connection was lost and did not come back. */
  | 'connection_lost'
  /**
   * The encryption of the media could not be agreed on: the client's certificate is not the one that its answer
   * announced, or is of a kind that the station does not take.
   */
  | 'handshake_failed'
  /** The station talks with somebody else. */
  | 'busy'
  /** The station is closing down. */
  | 'station_closing'
  /** The client sent something that the station did not understand. */
  | 'malformed';

/** One station, unit or open page. A page takes a new random one whenever it is loaded. */
export type EndpointId = string;

/** Whether a device works. `missing` says what was tried and what to do. */
export type Health =
  /** It delivers, or will as soon as somebody watches or talks. */
  | { state: 'working' }
  /** The configuration says that the station has none. */
  | { state: 'absent' }
  /** It should be there and is not, or has stopped; the station keeps trying. */
  | {
    state: 'missing';
    /** A sentence for the installer. */
    reason: string;
  };

/** What of the station's media works. */
export interface MediaHealth {
  /** The visitor's picture. */
  camera: Health;
  /** The visitor's voice. */
  microphone: Health;
  /** What the visitor hears. */
  speaker: Health;
}

/** Why the companion refused an endpoint. */
export type Refusal =
  /** The endpoint speaks another version; a page reloads, a station is updated. */
  | 'version'
  /** The shared secret is missing or wrong. */
  | 'secret'
  /** Nobody has set up the station yet; a page offers to do so. */
  | 'unclaimed'
  /** The id is in use by an endpoint with another `resume`. */
  | 'id_taken'
  /** A newer connection of the same endpoint took this one's place. */
  | 'replaced'
  /** The room or the companion is full. */
  | 'full'
  /** The companion serves the station that it runs in, and no other. */
  | 'foreign_station'
  /** A frame was not understood, too large, or not text. */
  | 'malformed'
  /** Too many frames in too short a time. */
  | 'too_fast'
  /** The hello did not come in time, or the endpoint reads too slowly. */
  | 'too_slow';

/** What an endpoint is. */
export type Role =
  /** A page that can be rung. */
  | {
    kind: 'client';
    /** What other people read, such as 'Kitchen tablet'. */
    name?: string;
  }
  /** A door station. */
  | {
    kind: 'station';
    /** What a person reads. */
    name: string;
    /** Its call buttons. */
    buttons: Button[];
    /** Its doors. */
    doors: Door[];
    /** What it is doing at this moment. */
    activity: Activity;
    /** What of its media works. */
    media: MediaHealth;
    /** What is wrong at the door itself. */
    faults?: StationFault[];
  };

/** A household: endpoints meet only within their room. */
export type RoomId = string;

/** A station as clients see it. */
export interface Station {
  /** The endpoint to address. */
  id: EndpointId;
  /** What a person reads. */
  name: string;
  /** Its call buttons. */
  buttons: Button[];
  /** Its doors. */
  doors: Door[];
  /** What it is doing. */
  activity: Activity;
  /** What of its media works. */
  media: MediaHealth;
  /** What is wrong at the door itself. */
  faults?: StationFault[];
}

/** What is wrong at the door itself, beside its media. */
export type StationFault =
  /** A call button is held for longer than anybody presses: it rings nobody until it is free. */
  | {
    fault: 'button_stuck';
    /** The button. */
    button: ButtonId;
  }
  /** Call buttons can no longer be read: they ring nobody. */
  | {
    fault: 'buttons_lost';
    /** A sentence for the installer. */
    reason: string;
  }
  /** A door's relay does not release: the door may stand open. */
  | {
    fault: 'relay_stuck';
    /** The door. */
    door: DoorId;
  }
  /** There are more clients than a station rings. */
  | { fault: 'too_many_clients' };

/** What a station says to a client. */
export type StationSignal =
  /** Somebody pressed a button. Show it at once; confirm with `rang`. */
  | {
    type: 'ring';
    /** The call. */
    call: CallId;
    /** The button. */
    button: Button;
    /** How long it will ring from now, in milliseconds; `MAX_RING_MS` at most. */
    timeout_ms: number;
    /** When the press was accepted, in milliseconds since the Unix epoch by the station's clock. */
    pressed_at_ms: number;
    /**
     * The station's SDP offer: answer it while ringing to see the visitor. `None` when this client is
     * connected to the call already, as it watched before the press.
     */
    offer?: string | null;
  }
  /** What a client that asked to watch is offered. */
  | {
    type: 'offer';
    /** The call. */
    call: CallId;
    /** The station's SDP offer. */
    offer: string;
  }
  /** A candidate that was found after the offer. */
  | {
    type: 'candidate';
    /** The call. */
    call: CallId;
    /** `candidate:…` as in RFC 8839, for the first media line. */
    candidate: string;
  }
  /** This client's `accept` came first: it talks with the visitor. */
  | {
    type: 'accepted';
    /** The call. */
    call: CallId;
  }
  /** This client's media are up and its data channel is not: it can talk, and open no door. */
  | {
    type: 'channel_missing';
    /** The call. */
    call: CallId;
  }
  /** The call is over for this client. */
  | {
    type: 'ended';
    /** Why. */
    reason: EndReason;
    /** The call; `None` when a watch was refused before there was one. */
    call?: CallId | null;
  };

/** What became of an `unlock`. */
export type UnlockOutcome =
  /** The relay has acted. */
  | {
    result: 'opened';
    /** How long the relay stays energised, in milliseconds. */
    pulse_ms: number;
  }
  /** The door stays shut. */
  | {
    result: 'refused';
    /** Why. */
    reason: UnlockRefusal;
  }
  /** The relay could not be moved. */
  | {
    result: 'failed';
    /** A sentence for the installer. */
    message: string;
  };

/** Why a door stays shut. */
export type UnlockRefusal =
  /** This client does not talk with the visitor. */
  | 'not_in_call'
  /** The station has no such door. */
  | 'no_such_door'
  /** The door is open already. */
  | 'already_open'
  /** Too many requests in too short a time. */
  | 'too_often'
  /** Nobody pressed a button, and this door opens only in a call that was rung. */
  | 'not_rung';
