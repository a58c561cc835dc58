// libsodium's functions, by their C names. An `unsigned long long` arrives as two i32s, low half first.

// @ts-ignore: decorator
@external("env", "malloc")
export declare function malloc(size: usize): usize
// @ts-ignore: decorator
@external("env", "free")
export declare function free(pointer: usize): void

// @ts-ignore: decorator
@external("env", "crypto_scalarmult")
export declare function crypto_scalarmult(q: usize, n: usize, p: usize): i32
// @ts-ignore: decorator
@external("env", "crypto_scalarmult_base")
export declare function crypto_scalarmult_base(q: usize, n: usize): i32

// @ts-ignore: decorator
@external("env", "crypto_box_beforenm")
export declare function crypto_box_beforenm(k: usize, pk: usize, sk: usize): i32
// @ts-ignore: decorator
@external("env", "crypto_secretbox_detached")
export declare function crypto_secretbox_detached(
  c: usize, mac: usize, m: usize, mlen: i32, mlenHigh: i32, n: usize, k: usize
): i32
// @ts-ignore: decorator
@external("env", "crypto_secretbox_open_detached")
export declare function crypto_secretbox_open_detached(
  m: usize, c: usize, mac: usize, clen: i32, clenHigh: i32, n: usize, k: usize
): i32

// @ts-ignore: decorator
@external("env", "crypto_kx_client_session_keys")
export declare function crypto_kx_client_session_keys(
  rx: usize, tx: usize, client_pk: usize, client_sk: usize, server_pk: usize
): i32
// @ts-ignore: decorator
@external("env", "crypto_kx_server_session_keys")
export declare function crypto_kx_server_session_keys(
  rx: usize, tx: usize, server_pk: usize, server_sk: usize, client_pk: usize
): i32

// @ts-ignore: decorator
@external("env", "crypto_kem_mlkem768_seed_keypair")
export declare function crypto_kem_mlkem768_seed_keypair(pk: usize, sk: usize, seed: usize): i32
// @ts-ignore: decorator
@external("env", "crypto_kem_mlkem768_enc_deterministic")
export declare function crypto_kem_mlkem768_enc_deterministic(ct: usize, ss: usize, pk: usize, seed: usize): i32
// @ts-ignore: decorator
@external("env", "crypto_kem_mlkem768_dec")
export declare function crypto_kem_mlkem768_dec(ss: usize, ct: usize, sk: usize): i32

// @ts-ignore: decorator
@external("env", "crypto_generichash")
export declare function crypto_generichash(
  out: usize, outlen: usize, input: usize, inlen: i32, inlenHigh: i32, key: usize, keylen: usize
): i32
// @ts-ignore: decorator
@external("env", "crypto_generichash_init")
export declare function crypto_generichash_init(state: usize, key: usize, keylen: usize, outlen: usize): i32
// @ts-ignore: decorator
@external("env", "crypto_generichash_update")
export declare function crypto_generichash_update(state: usize, input: usize, inlen: i32, inlenHigh: i32): i32
// @ts-ignore: decorator
@external("env", "crypto_generichash_final")
export declare function crypto_generichash_final(state: usize, out: usize, outlen: usize): i32

// @ts-ignore: decorator
@external("env", "crypto_aead_chacha20poly1305_ietf_encrypt")
export declare function crypto_aead_chacha20poly1305_ietf_encrypt(
  c: usize, clen_p: usize, m: usize, mlen: i32, mlenHigh: i32, ad: usize, adlen: i32, adlenHigh: i32,
  nsec: usize, npub: usize, k: usize
): i32
// @ts-ignore: decorator
@external("env", "crypto_aead_chacha20poly1305_ietf_decrypt")
export declare function crypto_aead_chacha20poly1305_ietf_decrypt(
  m: usize, mlen_p: usize, nsec: usize, c: usize, clen: i32, clenHigh: i32, ad: usize, adlen: i32, adlenHigh: i32,
  npub: usize, k: usize
): i32

// @ts-ignore: decorator
@external("env", "crypto_secretstream_xchacha20poly1305_init_pull")
export declare function crypto_secretstream_xchacha20poly1305_init_pull(state: usize, header: usize, k: usize): i32
// @ts-ignore: decorator
@external("env", "crypto_secretstream_xchacha20poly1305_push")
export declare function crypto_secretstream_xchacha20poly1305_push(
  state: usize, c: usize, clen_p: usize, m: usize, mlen: i32, mlenHigh: i32, ad: usize, adlen: i32, adlenHigh: i32, tag: i32
): i32
// @ts-ignore: decorator
@external("env", "crypto_secretstream_xchacha20poly1305_pull")
export declare function crypto_secretstream_xchacha20poly1305_pull(
  state: usize, m: usize, mlen_p: usize, tag_p: usize, c: usize, clen: i32, clenHigh: i32, ad: usize, adlen: i32, adlenHigh: i32
): i32

// Where libsodium's stack lies in linear memory: read off its wasm by the linker.
// @ts-ignore: decorator
@external("layout", "stack_base")
export declare const STACK_BASE: usize
// @ts-ignore: decorator
@external("layout", "stack_top")
export declare const STACK_TOP: usize
