// Numbers of the encrypted stream: docs/protocol.md, "The stream". Plain numbers only, as in layout.ts.

// A record's length in bytes, the length field included.
export const RECORD_MIN = 21
export const RECORD_MAX_1 = 16384
export const RECORD_MAX_2 = 65535
// What our writers keep to. The published version 1 program can crash on more.
export const RECORD_LIMIT_1 = 8192
// Version 2's are as long as they are fast. OpenSSL's Poly1305 takes eight blocks of 16 bytes at a time, unless four to seven are left:
// then it takes four, and a record takes a fifth longer. So the longest record that is fast has 511 times eight blocks, three blocks and
// 15 bytes of plaintext. But that is more than Linux puts into one segment on loopback, and a second one wakes the peer a second time.
// It has 510 times, and a length field and a tag.
export const RECORD_LIMIT_2 = 65361
// With `full` padding every record is as long, the shortest message's too.
export const RECORD_PADDED_2 = 16405

// The type byte: a type, and in version 2 flags.
export const TYPE_DATA = 0
export const TYPE_ALERT = 1
export const TYPE_CONTROL = 2
export const TYPE_MASK = 0x0f
export const FLAG_RESERVED = 0x10
export const FLAG_REKEY = 0x20
export const FLAG_MESSAGE_END = 0x40
export const FLAG_FINAL = 0x80

// Version 1 says the same with secretstream's tags.
export const TAG_MESSAGE = 0
export const TAG_PUSH = 1
export const TAG_REKEY = 2
export const TAG_FINAL = 3

// A writer turns its key over at least this often.
export const REKEY_BYTES = 1073741824
export const REKEY_RECORDS = 1048576

// "Records without data": what one counts for, what a read pays of that beside its data, and how much may be unpaid; in bytes.
export const CHEAP_RECORD = 32
export const CHEAP_REPAID = 1024
export const CHEAP_MOST = 2097152

export const ALERT_GENERAL = 1
export const ALERT_BAD_RESPONSE = 2
export const ALERT_NOT_AUTHORIZED = 3
export const ALERT_SHUTTING_DOWN = 4
export const ALERT_IDLE_TIMEOUT = 5

export const REJECT_NOT_MY_KEY = 1
export const REJECT_NO_ROUTE = 2
export const REJECT_BACKEND_UNREACHABLE = 3
export const REJECT_VERSION_NOT_SERVED = 4

// "Credit": an extension of version 2.
export const CONTROL_CREDIT = 1
export const CONTROL_DATA_END = 2
// "Acceptance". It and its opposite, the alert 3, are records of this length on the wire.
export const CONTROL_ACCEPTED = 3
export const ANSWER_BYTES = 256
// How many bytes of data may wait unread: before the application has the channel, and from then on.
export const CREDIT_FIRST = 262144
export const CREDIT_WINDOW = 1048576
// What the end of a message counts for.
export const CREDIT_MESSAGE_END = 64
// How many may wait unread of a peer that has not agreed to credit, where the carrier cannot push back.
export const CREDIT_NONE = 16777216

// "Signs of life": an extension of version 2.
export const CONTROL_ALIVE = 4
