// From logged keys to what opens a direction's records.

import type { Open, OpenerFor } from './direction.js'
import type { KeyLog, LoggedKey } from './keylog.js'

/** Opens the records of one direction, in order: a `RecordOpener` of `nopki/engine`. */
export interface Opener {
  /** The plaintext of a whole record. Throws where it does not open. */
  open(record: Uint8Array): Uint8Array
  /** Gives back what it holds. */
  close(): void
}

/** Makes what opens records by a direction's first key, 32 bytes; version 1 wants its stream header, 24 bytes. */
export type MakeOpener = (version: 1 | 2, key: Uint8Array, header?: Uint8Array) => Opener

/**
 * What opens a direction's records, if its key is in the log.
 *
 * @param name what the log calls the connection; without it, all keys are tried
 * @param opened gets what has to be closed
 */
export function openerForLogged(
  keys: KeyLog,
  name: string | undefined,
  from: 'client' | 'server',
  make: MakeOpener,
  opened: Opener[],
): OpenerFor {
  const known = name === undefined ? [...keys.values()].flat() : (keys.get(name) ?? [])
  return (version, header) => {
    const fitting = known.filter(it => it.from === from && it.version === version)
    if (fitting.length === 0) return undefined
    const found = (key: LoggedKey) => lastFound[from].set(known, key)
    return openWithOneOf(inOrder(fitting, lastFound[from].get(known)), header, make, opened, found)
  }
}

/**
 * Of the keys of one name, the next after the last that was found comes first: connections are captured in the order in which they are
 * logged. A client that gives many connections one name would else have all of its keys tried for each.
 */
function inOrder(keys: readonly LoggedKey[], last: LoggedKey | undefined): readonly LoggedKey[] {
  const next = last ? keys.indexOf(last) + 1 : 0
  return [...keys.slice(next), ...keys.slice(0, next)].slice(0, MOST_TRIED)
}

const lastFound = {
  client: new WeakMap<readonly LoggedKey[], LoggedKey>(),
  server: new WeakMap<readonly LoggedKey[], LoggedKey>(),
}
// No honest client gives even two connections one name.
const MOST_TRIED = 1000

/**
 * Opens a direction's records, by the first of these keys that opens the first record. The log names a connection by a key that the client
 * chooses, so there may be several.
 *
 * @param opened gets what has to be closed
 * @param onFound is told which it was
 */
export function openWithOneOf(
  keys: readonly LoggedKey[],
  header: Uint8Array | undefined,
  make: MakeOpener,
  opened: Opener[],
  onFound: (key: LoggedKey) => void = () => {},
): Open {
  let found: Opener | undefined
  return record => {
    if (found) return found.open(record)
    let failure: unknown
    for (const it of keys) {
      const opener = make(it.version, it.key, header)
      try {
        const plaintext = opener.open(record)
        opened.push(opener)
        found = opener
        onFound(it)
        return plaintext
      } catch (error) {
        opener.close()
        failure = error
      }
    }
    throw failure
  }
}
