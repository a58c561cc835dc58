// Changes to the core, by hand: each takes away something that the protocol page asks for. Where a line is another by now, `npm run
// mutate:core` says so, and the change is to be written anew.

/** @type {[file: string, from: string, to: string][]} */
export const CHANGES = [
  // Records that are received.
  ['reader.ts', 'if (reader.ended) return STATUS_RECORD_AFTER_END', ''],
  ['reader.ts', 'if (length > longest) return STATUS_RECORD_LONG', ''],
  ['reader.ts', 'if (length < <u32>RECORD_MIN) return STATUS_RECORD_SHORT', ''],
  ['reader.ts', 'size > capacity)', 'size > capacity + 1)'],
  ['reader.ts', 'if (!allZero(changetype<usize>(plaintext) + size, capacity - size)) return STATUS_RECORD_PADDING', ''],
  ['reader.ts', 'if (forbidden) return STATUS_RECORD_TYPE', ''],
  ['reader.ts', 'if (reader.ended) reader.pending = EVENT_END', ''],
  ['reader.ts', 'reader.ended = type == TYPE_ALERT || (flags & FLAG_FINAL) != 0', 'reader.ended = type == TYPE_ALERT'],
  ['reader.ts', 'if (length < <u32>CODE_BYTES) return STATUS_RECORD_SIZE', ''],
  ['reader.ts', 'reader.used = max(reader.used, reader.end)', 'reader.used = reader.end'],
  // Records that are sent.
  ['writer.ts', 'memory.fill(changetype<usize>(plaintext) + filled, 0, total - overheadOf(version) - filled)', ''],
  ['writer.ts', 'if (writer.ended) return STATUS_ENDED', ''],
  ['writer.ts', 'writer.records += 1', ''],
  ['writer.ts', 'writer.dirty = max(writer.dirty, writer.end + lead + length)', ''],
  ['writer.ts', '((length + block - 1) / block) * block', '(length / block) * block'],
  ['writer.ts', 'writer.unit -= min(length, writer.unit)', 'writer.unit = 0'],
  // Their cipher.
  ['cipher.ts', 'sealBytes(cipher, record, length)\n  cipher.counter += 1', 'sealBytes(cipher, record, length)'],
  ['cipher.ts', 'if (cipher.counter >= COUNTER_END) return STATUS_RECORD_COUNT', ''],
  ['cipher.ts', 'cipher.tag > <u32>TAG_FINAL ? STATUS_RECORD_TYPE : flagsOf(cipher.tag)', 'flagsOf(cipher.tag)'],
  [
    'cipher.ts',
    'REKEY_LABEL_BYTES, 0, cipher.key, KEY_BYTES)\n  cipher.counter = 0',
    'REKEY_LABEL_BYTES, 0, cipher.key, KEY_BYTES)',
  ],
  ['cipher.ts', 'if (answer >= 0) return answer == 0', 'if (answer >= 0) return true'],
  ['simd/poly1305.ts', 'const five = ((h4 + carry) >> 2) * 5', 'const five = (h4 >> 2) * 5'],
  ['simd/index.ts', 'memory.fill(m, 0, length)', ''],
  ['simd/index.ts', 'v128.store(STACK_BASE + at, i64x2.splat(0))', '{}'],
  // Memory.
  ['memory.ts', 'wipe(buffer, used)', ''],
  ['memory.ts', '(load<u64>(a, 24) ^ load<u64>(b, 24))', '0'],
  ['memory.ts', 'wipe(pointer, size)\n  free(pointer)', 'free(pointer)'],
  ['memory.ts', 'wipe(STACK_BASE, STACK_TOP - STACK_BASE)', ''],
  ['channel.ts', 'wipe(channel.writer.cipher.key, KEY_BYTES)', ''],
  ['channel.ts', 'wipe(channel.exporter, KEY_BYTES)', ''],
  // Handshakes.
  ['handshake/version2.ts', 'if (!equalKeys(step.key, transcript.h)) return STATUS_PROOF', ''],
  [
    'handshake/version2.ts',
    'if (channel.has(OPTION_SERVER_KEY) && !isAccepted(channel, peerKey)) return STATUS_KEY_MISMATCH',
    '',
  ],
  [
    'handshake/version2.ts',
    'if (status == EXPECTED_THIS) writeReject(channel, hello, REJECT_VERSION_NOT_SERVED, step)',
    '',
  ],
  [
    'handshake/version2.ts',
    // Not that of the client's session key: the same key was refused when the hello's box was opened.
    'if (!agree(step.shared, handshake.sessionSecret, challenge.sessionKey, channel.outside)) return STATUS_WEAK_KEY',
    'agree(step.shared, handshake.sessionSecret, challenge.sessionKey, channel.outside)',
  ],
  ['handshake/version1.ts', 'return equalKeys(step.key, handshake.sessionPublic) ? 0 : STATUS_PROOF', 'return 0'],
  ['handshake/keys.ts', 'if (!opened && channel.has(ignored)) return STATUS_NOT_ADDRESSED', ''],
  ['handshake/keys.ts', 'const mask = (opened & named) | (at == 0 ? ~opened : 0)', 'const mask = opened & named'],
  ['handshake/keys.ts', 'mergeKey(shared, products + at * KEY_BYTES, mask)', 'mergeKey(shared, products, mask)'],
  ['handshake/keys.ts', 'index |= at & mask', ''],
  ['wire/box.ts', ' | (load<u64>(mac, 8) ^ load<u64>(box.mac, 8))', ''],
  ['handshake/reject.ts', 'if (!allZero(reason.zeros, KEY_BYTES - 2)) return false', ''],
  ['handshake/reject.ts', 'if (!channel.has(OPTION_SERVER_KEY | OPTION_MIDDLEBOX_KEY)) return false', ''],
  ['handshake/box-key.ts', 'const HELLO_LABEL_BYTES: u32 = 13', 'const HELLO_LABEL_BYTES: u32 = 12'],
  ['transcript.ts', 'crypto_generichash_update(this.state, label, sizeof<u64>(), 0)', ''],
]
