// What a call into the core returns when it fails. At or above 0 is a count or one of abi.ts's events. Plain numbers only.

// The peer is at fault.
export const STATUS_VERSION_UNKNOWN = -1 // the first four bytes are no version of this protocol
export const STATUS_VERSION_REFUSED = -2 // a version that this server does not serve
export const STATUS_NOT_ADDRESSED = -3 // the hello's box is not for this server, and strangers are ignored
export const STATUS_EXPECTED_OTHER = -4 // the hello names another server
export const STATUS_WEAK_KEY = -5 // a key whose shared secret is zero, one that is not canonical, or an ML-KEM key out of range
export const STATUS_KEY_BOX = -6 // the box with the peer's long-term key does not open
export const STATUS_KEY_MISMATCH = -7 // the server's long-term key is not the pinned one
export const STATUS_PROOF = -8 // the proof or answer does not open, or proves something else
export const STATUS_REJECTED = -9 // a genuine reject
export const STATUS_REJECT_UNVERIFIED = -10 // a reject that does not open under the key that was addressed
export const STATUS_RECORD_SHORT = -11 // a record's length field is below the shortest record
export const STATUS_RECORD_LONG = -12 // a record's length field is above the longest record
export const STATUS_RECORD_SEAL = -13 // a record does not open
export const STATUS_RECORD_SIZE = -14 // a record's size field does not fit the record
export const STATUS_RECORD_TYPE = -15 // an unknown type, or a flag that must be zero
export const STATUS_RECORD_PADDING = -16 // padding that is not zero
export const STATUS_RECORD_AFTER_END = -17 // bytes behind the end of a direction
export const STATUS_RECORD_COUNT = -18 // more records under one key than a nonce can count
export const STATUS_RECORD_CHEAP = -19 // more records without data than are taken

// The caller is at fault, or the machine.
export const STATUS_PHASE = -32 // not possible in the channel's present phase
export const STATUS_ENDED = -33 // this direction has ended
export const STATUS_TOO_LONG = -34 // more bytes than the window holds
export const STATUS_NO_MEMORY = -35 // linear memory cannot grow
