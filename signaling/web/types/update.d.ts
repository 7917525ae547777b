// What `GET /update` answers, following firmware/src/update.

export interface About {
  station: string;
  doorway: string;
  image: string | null;
  slot: string | null;
  update: UpdateStatus;
}

export interface UpdateStatus {
  able: boolean;
  phase: Phase;
  available: string | null;
  has_url: boolean;
  on_trial: boolean;
  undone: { version: string; why: string[] } | null;
}

export type Phase =
  | { state: 'idle' }
  | { state: 'receiving'; percent: number }
  | { state: 'checking' }
  | { state: 'waiting'; version: string }
  | { state: 'installing'; version: string; percent: number }
  | { state: 'installed'; version: string; restarts: boolean; by_itself: boolean }
  | { state: 'restarting'; version: string }
  | { state: 'failed'; failure: Failure; message: string };

export type Failure =
  | { code: 'clock', today: string }
  | { code: 'wrong_key' | 'damaged' | 'not_accepted' | 'no_space' | 'too_large' | 'unreachable' | 'interrupted' | 'no_rauc' }
  | { code: 'wrong_device'; offered: string; running: string }
  | { code: 'same_version'; running: string }
  | { code: 'older_version'; offered: string; running: string }
  | { code: 'unknown_version'; offered: string }
  | { code: 'other'; detail: string };
