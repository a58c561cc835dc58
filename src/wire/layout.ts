// Every message of docs/protocol.md as byte offsets, derived by addition. Compiled by both asc and tsc, so plain numbers only:
// no types, no imports, no enums.

export const KEY_BYTES = 32
export const MAC_BYTES = 16
export const NONCE_BYTES = 24
export const HASH_BYTES = 32
export const VERSION_BYTES = 4
export const KEM_PUBLIC_KEY_BYTES = 1184
export const KEM_CIPHERTEXT_BYTES = 1088

// The first four bytes of a message, read as a little-endian u32.
export const VERSION_1 = 0x6e65724f // "Oren"
export const VERSION_2 = 0x326b706e // "npk2"
export const VERSION_REJECT = 0x526b706e // "npkR"

// "The encrypted box"
export const BOX_DATA = 0
export const BOX_MAC = BOX_DATA + KEY_BYTES
export const BOX_NONCE = BOX_MAC + MAC_BYTES
export const BOX_BYTES = BOX_NONCE + NONCE_BYTES

// "Version 1"
export const HELLO_1_VERSION = 0
export const HELLO_1_SESSION_KEY = HELLO_1_VERSION + VERSION_BYTES
export const HELLO_1_EXPECTED_KEY = HELLO_1_SESSION_KEY + KEY_BYTES
export const HELLO_1_BYTES = HELLO_1_EXPECTED_KEY + BOX_BYTES

export const CHALLENGE_1_SESSION_KEY = 0
export const CHALLENGE_1_SERVER_KEY = CHALLENGE_1_SESSION_KEY + KEY_BYTES
export const CHALLENGE_1_PROOF = CHALLENGE_1_SERVER_KEY + BOX_BYTES
export const CHALLENGE_1_BYTES = CHALLENGE_1_PROOF + BOX_BYTES

// The response is the same in both versions.
export const RESPONSE_CLIENT_KEY = 0
export const RESPONSE_ANSWER = RESPONSE_CLIENT_KEY + BOX_BYTES
export const RESPONSE_BYTES = RESPONSE_ANSWER + BOX_BYTES

// "Version 2"
export const HELLO_2_VERSION = 0
export const HELLO_2_SESSION_KEY = HELLO_2_VERSION + VERSION_BYTES
export const HELLO_2_KEM_KEY = HELLO_2_SESSION_KEY + KEY_BYTES
export const HELLO_2_EXPECTED_KEY = HELLO_2_KEM_KEY + KEM_PUBLIC_KEY_BYTES
export const HELLO_2_BYTES = HELLO_2_EXPECTED_KEY + BOX_BYTES

export const CHALLENGE_2_VERSION = 0
export const CHALLENGE_2_SESSION_KEY = CHALLENGE_2_VERSION + VERSION_BYTES
export const CHALLENGE_2_CIPHERTEXT = CHALLENGE_2_SESSION_KEY + KEY_BYTES
export const CHALLENGE_2_SERVER_KEY = CHALLENGE_2_CIPHERTEXT + KEM_CIPHERTEXT_BYTES
export const CHALLENGE_2_PROOF = CHALLENGE_2_SERVER_KEY + BOX_BYTES
export const CHALLENGE_2_BYTES = CHALLENGE_2_PROOF + BOX_BYTES

// "Reject": the box's data is a code and zeros.
export const REJECT_VERSION = 0
export const REJECT_BOX = REJECT_VERSION + VERSION_BYTES
export const REJECT_BYTES = REJECT_BOX + BOX_BYTES
export const REJECT_CODE = 0
export const REJECT_ZEROS = REJECT_CODE + 2

// "The stream": a record is its length in the clear and a sealed plaintext; version 1 seals a tag byte ahead of it.
export const RECORD_LENGTH = 0
export const RECORD_SEALED = RECORD_LENGTH + 2
export const TAG_BYTES = 1
// Version 2's nonce: 4 zero bytes ‖ n u64.
export const RECORD_COUNTER = 4
export const RECORD_NONCE_BYTES = RECORD_COUNTER + 8

export const PLAINTEXT_SIZE = 0
export const PLAINTEXT_TYPE = PLAINTEXT_SIZE + 2
export const PLAINTEXT_DATA = PLAINTEXT_TYPE + 1

// Alert and control data start with a code.
export const CODE = 0
export const CODE_BYTES = CODE + 2

// "Credit": a control record's payload.
export const CREDIT_LIMIT = 0
export const CREDIT_HEEDS = CREDIT_LIMIT + 8
export const CREDIT_BYTES = CREDIT_HEEDS + 8

// "Signs of life": a control record's payload.
export const ALIVE_INTERVAL = 0
export const ALIVE_BYTES = ALIVE_INTERVAL + 4

export const STREAM_HEADER_BYTES = 24
