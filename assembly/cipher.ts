// The record ciphers: version 1's secretstream and version 2's counter. The only file that touches a record nonce.

import { KEY_BYTES, MAC_BYTES, RECORD_SEALED, TAG_BYTES } from "../src/wire/layout"
import {
  CIPHER_COUNTER, CIPHER_HOST_FROM, CIPHER_KEY, CIPHER_LABEL, CIPHER_NONCE, CIPHER_TAG, CIPHER_VERSION
} from "../src/wire/memory"
import {
  FLAG_FINAL, FLAG_MESSAGE_END, FLAG_REKEY, TAG_FINAL, TAG_MESSAGE, TAG_PUSH, TAG_REKEY, TYPE_MASK
} from "../src/wire/stream"
import { STATUS_RECORD_COUNT, STATUS_RECORD_SEAL, STATUS_RECORD_TYPE } from "../src/wire/status"
import {
  crypto_aead_chacha20poly1305_ietf_decrypt, crypto_aead_chacha20poly1305_ietf_encrypt, crypto_generichash,
  crypto_secretstream_xchacha20poly1305_init_pull, crypto_secretstream_xchacha20poly1305_pull,
  crypto_secretstream_xchacha20poly1305_push
} from "./sodium"
import { hostOpen, hostSeal } from "./host"
import { Plaintext, Record } from "./wire/record"

// Laid out in src/wire/memory.ts.
@unmanaged
export class Cipher {
  get key(): usize { return changetype<usize>(this) + CIPHER_KEY }
  get nonce(): usize { return changetype<usize>(this) + CIPHER_NONCE }
  get counter(): u64 { return load<u64>(changetype<usize>(this), CIPHER_COUNTER) }
  set counter(n: u64) { store<u64>(changetype<usize>(this), n, CIPHER_COUNTER) }
  get tag(): u32 { return load<u8>(changetype<usize>(this), CIPHER_TAG) }
  get version(): u32 { return load<u8>(changetype<usize>(this), CIPHER_VERSION) }
  set version(version: u32) { store<u8>(changetype<usize>(this), <u8>version, CIPHER_VERSION) }
  get hostFrom(): u32 { return load<u16>(changetype<usize>(this), CIPHER_HOST_FROM) }
  set hostFrom(bytes: u32) { store<u16>(changetype<usize>(this), <u16>bytes, CIPHER_HOST_FROM) }

  /** Whether the host's cipher is asked for a record of so many bytes. */
  asksHost(length: u32): bool {
    return this.hostFrom != 0 && length >= this.hostFrom
  }
}

/** Bytes of a record ahead of its plaintext: the length and, in version 1, the tag. */
export function leadOf(version: u32): u32 {
  return version == 1 ? RECORD_SEALED + TAG_BYTES : RECORD_SEALED
}

/** Bytes of a record that are not plaintext. */
export function overheadOf(version: u32): u32 {
  return leadOf(version) + MAC_BYTES
}

export function plaintextOf(record: Record, version: u32): Plaintext {
  return changetype<Plaintext>(changetype<usize>(record) + leadOf(version))
}

/** Version 1: takes up the stream header of this direction. The cipher's key is the session key until then. */
export function startSecretstream(cipher: Cipher, header: usize): void {
  crypto_secretstream_xchacha20poly1305_init_pull(changetype<usize>(cipher), header, cipher.key)
}

/** Seals a record in place. Its length and plaintext are written; `flags` say what its tag or type byte means. */
export function sealRecord(cipher: Cipher, record: Record, flags: u32): void {
  const version = cipher.version
  const plaintext = plaintextOf(record, version)
  const length = record.length - overheadOf(version)
  if (version == 1) {
    crypto_secretstream_xchacha20poly1305_push(
      changetype<usize>(cipher), record.sealed, 0, changetype<usize>(plaintext), length, 0, 0, 0, 0, tagOf(flags)
    )
    return
  }
  sealBytes(cipher, record, length)
  cipher.counter += 1
  if (flags & FLAG_REKEY) turnKeyOver(cipher)
}

/** Opens a whole record in place and returns its flags, or a status. */
export function openRecord(cipher: Cipher, record: Record): i32 {
  const version = cipher.version
  const plaintext = plaintextOf(record, version)
  const sealed = record.length - RECORD_SEALED
  if (version == 1) {
    const opened = crypto_secretstream_xchacha20poly1305_pull(
      changetype<usize>(cipher), changetype<usize>(plaintext), 0, changetype<usize>(cipher) + CIPHER_TAG,
      record.sealed, sealed, 0, 0, 0, 0
    )
    if (opened != 0) return STATUS_RECORD_SEAL
    return cipher.tag > <u32>TAG_FINAL ? STATUS_RECORD_TYPE : flagsOf(cipher.tag)
  }
  if (cipher.counter >= COUNTER_END) return STATUS_RECORD_COUNT
  if (!openBytes(cipher, record, sealed)) return STATUS_RECORD_SEAL
  cipher.counter += 1
  const flags = plaintext.type & ~TYPE_MASK
  if (flags & FLAG_REKEY) turnKeyOver(cipher)
  return flags
}

/** Version 2: seals `length` bytes of plaintext in place; the record's length field is the additional data. */
function sealBytes(cipher: Cipher, record: Record, length: u32): void {
  const bytes = record.sealed
  const field = changetype<usize>(record)
  if (cipher.asksHost(record.length) && hostSeal(bytes, length, field, RECORD_SEALED, cipher.nonce, cipher.key) == 0) return
  crypto_aead_chacha20poly1305_ietf_encrypt(
    bytes, 0, bytes, length, 0, field, RECORD_SEALED, 0, 0, cipher.nonce, cipher.key
  )
}

/** Version 2: opens `sealed` bytes, the tag included, in place. False: the tag does not match. */
function openBytes(cipher: Cipher, record: Record, sealed: u32): bool {
  const bytes = record.sealed
  const field = changetype<usize>(record)
  if (cipher.asksHost(record.length)) {
    const answer = hostOpen(bytes, sealed - MAC_BYTES, field, RECORD_SEALED, cipher.nonce, cipher.key)
    if (answer >= 0) return answer == 0
  }
  return crypto_aead_chacha20poly1305_ietf_decrypt(
    bytes, 0, 0, bytes, sealed, 0, field, RECORD_SEALED, 0, cipher.nonce, cipher.key
  ) == 0
}

/** key = crypto_generichash(32, "nopki rekey", key = key), n = 0. */
function turnKeyOver(cipher: Cipher): void {
  const label = changetype<usize>(cipher) + CIPHER_LABEL
  store<u64>(label, 0x657220696b706f6e) // "nopki re"
  store<u32>(label, 0x79656b, 8) // "key"
  crypto_generichash(cipher.key, KEY_BYTES, label, REKEY_LABEL_BYTES, 0, cipher.key, KEY_BYTES)
  cipher.counter = 0
}

function tagOf(flags: u32): u32 {
  if (flags & FLAG_FINAL) return TAG_FINAL
  if (flags & FLAG_REKEY) return TAG_REKEY
  return flags & FLAG_MESSAGE_END ? TAG_PUSH : TAG_MESSAGE
}

function flagsOf(tag: u32): i32 {
  if (tag == TAG_FINAL) return FLAG_FINAL
  if (tag == TAG_REKEY) return FLAG_REKEY
  return tag == TAG_PUSH ? FLAG_MESSAGE_END : 0
}

const REKEY_LABEL_BYTES: u32 = 11
const COUNTER_END: u64 = 1 << 48
