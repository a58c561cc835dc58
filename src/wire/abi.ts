// Numbers that the core and the host exchange; none of them crosses the wire. Plain numbers only, as in layout.ts.

export const ROLE_CLIENT = 0
export const ROLE_SERVER = 1

// createChannel's `versions`: which a server serves; a client names one.
export const SERVES_1 = 1
export const SERVES_2 = 2

// createChannel's `options`.
export const OPTION_SERVER_KEY = 1 // client: the server's key is pinned
export const OPTION_MIDDLEBOX_KEY = 2 // client: the hello is for a middlebox
export const OPTION_IGNORE_STRANGERS_1 = 4 // server: a version 1 hello whose box does not open is dropped
export const OPTION_IGNORE_STRANGERS_2 = 8 // server: a version 2 hello whose box does not open is dropped
export const OPTION_WASM_ONLY = 16 // none of the host's own primitives are used

// createChannel's `setup`: what it reads, and may be wiped behind it. The context's bytes follow, and then the further keys: a server's
// are secret [32] ‖ public [32] each; a client's are public [32] each, which it accepts beside the server key.
export const SETUP_SECRET_KEY = 0
export const SETUP_PUBLIC_KEY = SETUP_SECRET_KEY + 32
export const SETUP_SERVER_KEY = SETUP_PUBLIC_KEY + 32
export const SETUP_MIDDLEBOX_KEY = SETUP_SERVER_KEY + 32
export const SETUP_CONTEXT = SETUP_MIDDLEBOX_KEY + 32
// How many keys an end has at most, the first among them.
export const KEYS_MOST = 8

// How far a channel has come: what has happened, not what is awaited.
export const PHASE_CREATED = 0
export const PHASE_HELLO_SENT = 1
export const PHASE_CHALLENGE_SENT = 2
export const PHASE_PEER_PROVED = 3
export const PHASE_OPEN = 4
export const PHASE_FAILED = 5

// What `received` and `read` report.
export const EVENT_NONE = 0 // more bytes are needed
export const EVENT_PROVED = 1 // the peer has proved its long-term key; `start` opens the stream
export const EVENT_DATA = 2 // the data window holds bytes of the stream
export const EVENT_MESSAGE = 3 // as data (there may be none), and they end a message
export const EVENT_ALERT = 4 // the data window holds an alert: code, text. This direction has ended
export const EVENT_CONTROL = 5 // the data window holds a control record: code, payload
export const EVENT_END = 6 // the authenticated end of this direction

// A record buffer: one of the longest, with room for a short one behind it.
export const BUFFER_BYTES = 65792
