/** Names of keys and sequences of them: `j`, `?`, `Escape`, `Mod+k`, `g t`. */

export interface KeyPress {
  key: string;
  ctrlKey: boolean;
  metaKey: boolean;
  altKey: boolean;
}

/** `Mod` is Ctrl, or Cmd on a Mac. Shift is in the key itself (`?`, `J`). Undefined for a modifier on its own. */
export function nameOfKey(event: KeyPress): string | undefined {
  if (['Control', 'Meta', 'Alt', 'Shift', 'AltGraph', 'Dead', 'Process'].includes(event.key)) return undefined;
  const key = event.key === ' ' ? 'Space' : event.key;
  if (event.ctrlKey || event.metaKey) return event.altKey ? undefined : `Mod+${key.toLowerCase()}`;
  return event.altKey ? `Alt+${key}` : key;
}

/** How the sequence stands after a key: all of it, a beginning of it, or no part of it. */
export function matchKeys(wanted: string, typed: readonly string[]): 'all' | 'beginning' | 'no' {
  const keys = wanted.split(' ');
  if (typed.length > keys.length || typed.some((key, index) => key !== keys[index])) return 'no';
  return typed.length === keys.length ? 'all' : 'beginning';
}

/** The keys of a sequence, each as it stands on the keyboard. */
export function shownKeys(keys: string, isMac: boolean): string[][] {
  return keys.split(' ').map((key) => (key === '+' ? [key] : key.split('+')).map((part) => shownKey(part, isMac)));
}

function shownKey(part: string, isMac: boolean): string {
  const names: Record<string, string> = {
    Mod: isMac ? '⌘' : 'Ctrl',
    Escape: 'Esc',
    ArrowUp: '↑',
    ArrowDown: '↓',
    ArrowLeft: '←',
    ArrowRight: '→',
  };
  return names[part] ?? part;
}
