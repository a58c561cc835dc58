import sodium from 'libsodium-wrappers'

/** MB/s of libsodium’s wasm sealing records in place, with nothing else going on. */
export async function sealAlone(record: number, bytes: number): Promise<number> {
  await sodium.ready
  // biome-ignore lint/suspicious/noExplicitAny: the raw module has no types
  const raw = (sodium as any).libsodium
  const buffer: number = raw._malloc(record + 64)
  const nonce: number = raw._malloc(12)
  const key: number = raw._malloc(32)
  const seal = (count: number) => {
    for (let at = 0; at < count; at++) {
      raw._crypto_aead_chacha20poly1305_ietf_encrypt(buffer, 0, buffer, record, 0, 0, 0, 0, 0, nonce, key)
    }
  }
  const count = Math.ceil(bytes / record)
  seal(Math.min(count, 2000))
  const started = performance.now()
  seal(count)
  const seconds = (performance.now() - started) / 1000
  for (const pointer of [buffer, nonce, key]) raw._free(pointer)
  return (count * record) / 1e6 / seconds
}
