import { ChannelError } from '../errors.js'
import { copyOf, isBytes, lengthOf } from '../keys/given.js'
import { checkKey } from '../keys/text.js'
import type { Core } from '../wasm/instance.js'
import { KEY_BYTES, MAC_BYTES, RECORD_SEALED, STREAM_HEADER_BYTES, TAG_BYTES } from '../wire/layout.js'
import { RECORD_MIN } from '../wire/stream.js'
import { badOption, type Version } from './options.js'

/** Opens one direction's records, in order, by its key out of a key log: for looking at captured bytes. */
export class RecordOpener {
  #core: Core
  #opener: number
  #version: Version

  /**
   * @param key the direction's first key, 32 bytes
   * @param header version 1: the direction's stream header, 24 bytes
   * @throws ChannelError USE_NO_MEMORY, USE_BAD_KEY, USE_BAD_OPTION
   */
  constructor(core: Core, version: Version, key: Uint8Array, header: Uint8Array = new Uint8Array(STREAM_HEADER_BYTES)) {
    const first = checkKey(key, 'key')
    const lead = isBytes(header) ? copyOf(header) : undefined
    if (lead?.length !== STREAM_HEADER_BYTES) throw badOption('header', header, `${STREAM_HEADER_BYTES} bytes`)
    this.#core = core
    this.#version = version
    this.#opener = core.lend(KEY_BYTES + STREAM_HEADER_BYTES, pointer => {
      core.bytes.set(first, pointer)
      core.bytes.set(lead, pointer + KEY_BYTES)
      return core.exports.createOpener(core.arena, version, pointer, pointer + KEY_BYTES)
    })
    if (this.#opener === 0) throw new ChannelError('USE_NO_MEMORY')
  }

  /**
   * The plaintext of a whole record ("The stream"), padding included. In version 1 the tag is ahead of it.
   * @throws ChannelError PEER_BAD_RECORD where it does not open; those behind it will not either; USE_CLOSED
   */
  open(record: Uint8Array): Uint8Array {
    const core = this.#core
    if (this.#opener === 0) throw new ChannelError('USE_CLOSED', 'the opener is closed')
    const length = (record[0] ?? 0) | ((record[1] ?? 0) << 8)
    if (!isBytes(record) || lengthOf(record) !== length || length < RECORD_MIN)
      throw badRecord('it is not one whole record')
    return core.lend(length, pointer => {
      core.bytes.set(record, pointer)
      const flags = core.exports.openRecord(this.#opener, pointer)
      if (flags < 0) throw badRecord('it does not open under the key')
      const tag = this.#version === 1 ? TAG_BYTES : 0
      return core.copy(pointer + RECORD_SEALED + tag, length - RECORD_SEALED - tag - MAC_BYTES)
    })
  }

  /** A second close does nothing. */
  close(): void {
    if (this.#opener === 0) return
    this.#core.exports.closeOpener(this.#core.arena, this.#opener)
    this.#opener = 0
  }
}

function badRecord(reason: string): ChannelError {
  return new ChannelError('PEER_BAD_RECORD', `a captured record cannot be opened: ${reason}`)
}
