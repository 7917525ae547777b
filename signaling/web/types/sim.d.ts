// What the simulated board tells its panel.

import type { Activity, ButtonId } from './messages';

export interface SimState {
  station: string;
  buttons: { id: ButtonId; label: string; role: 'call' | 'hang_up' | 'exit'; pressed: boolean }[];
  relays: { id: string; label: string; energised: boolean; moves: { at_ms: number; energised: boolean }[] }[];
  indicator: 'off' | 'ready' | 'watched' | 'ringing' | 'connecting' | 'talking' | 'fault';
  chime: 'silent' | 'ringing' | 'accepted' | 'ended' | 'refused';
  microphone_dbfs: number | null;
  speaker_dbfs: number | null;
  activity: Activity;
}
