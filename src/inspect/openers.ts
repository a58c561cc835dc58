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
    return fitting.length === 0 ? undefined : openWithOneOf(fitting, header, make, opened)
  }
}

/**
 * Opens a direction's records, by the first of these keys that opens the first record. The log names a connection by a key that the client
 * chooses, so there may be several.
 *
 * @param opened gets what has to be closed
 */
export function openWithOneOf(
  keys: readonly LoggedKey[],
  header: Uint8Array | undefined,
  make: MakeOpener,
  opened: Opener[],
): Open {
  let found: Opener | undefined
  return record => {
    if (found) return found.open(record)
    let failure: unknown
    for (const { version, key } of keys) {
      const opener = make(version, key, header)
      try {
        const plaintext = opener.open(record)
        opened.push(opener)
        found = opener
        return plaintext
      } catch (error) {
        opener.close()
        failure = error
      }
    }
    throw failure
  }
}
