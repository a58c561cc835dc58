// A sentence for every field of src/inspect/layouts.ts, for readers who see it for the first time, and the section of docs/protocol.md
// that defines it. The package's own code does not need them: what shows fields does.

import type { MessageKind } from './layouts.js'

export interface Sentence {
  readonly text: string
  /** A heading of docs/protocol.md. */
  readonly section: string
}

/** What a field is. `path` is its name; of a part, `box: part`. Undefined for bytes that no layout has. */
export function sentenceOf(kind: MessageKind, path: string): Sentence | undefined {
  const [whole = '', part] = path.split(': ')
  const inBox = part === undefined ? undefined : BOX[part]
  const text = SENTENCES[kind]?.[path] ?? inBox ?? SENTENCES[kind]?.[whole]
  if (text === undefined) return undefined
  return { text, section: inBox === text ? 'The encrypted box' : (SECTIONS[kind] ?? 'The stream') }
}

const VERSION_1 = 'Version 1'
const VERSION_2 = 'Version 2'

const SECTIONS: Partial<Record<MessageKind, string>> = {
  box: 'The encrypted box',
  hello1: VERSION_1,
  challenge1: VERSION_1,
  header: VERSION_1,
  hello2: VERSION_2,
  challenge2: VERSION_2,
  response: VERSION_2,
  reject: 'Reject',
  reason: 'Reject',
  credit: 'Credit',
  alive: 'Signs of life',
}

/** "The encrypted box": 72 bytes that hold 32. */
const BOX: Record<string, string> = {
  'data (sealed)': 'The content of the box, 32 bytes, encrypted: without the key it looks random.',
  mac: 'A tag over the content: a box with a changed bit does not open.',
  nonce: 'A random number, used for this box alone, so that equal contents never look equal.',
}

const CREDIT = {
  limit: 'How many bytes of data the other end may send in all.',
  heeds: 'The highest limit of the other end that was read before this was sealed.',
}
const INTERVAL = 'Until its direction ends, this end sends a record at least every so many milliseconds.'
const HELLO = {
  'client session public key':
    'A fresh X25519 key of the client, made for this connection alone: it tells nobody who the client is.',
  'expected server key':
    'A box with the public key of the server that the client wants. Only that server, or a middlebox on the way, can open it.',
}
const CHALLENGE = {
  'server session public key': 'A fresh X25519 key of the server, made for this connection alone.',
  'server long-term key': 'A box with the server’s long-term public key: who listens does not learn who answers.',
}
const RECORD = {
  length: 'How long the record is, these two bytes included. It is all that an observer can read of it.',
  'plaintext (sealed)': 'The size, the type, the data and the padding, encrypted: even the kind of record is hidden.',
  mac: 'A tag over the record and its length: a record that was changed, or that comes out of order, does not open.',
}

const SENTENCES: Partial<Record<MessageKind, Record<string, string>>> = {
  box: BOX,
  hello1: { version: 'Four letters, “Oren”: this is version 1, and the message has 108 bytes.', ...HELLO },
  hello2: {
    version: 'Four letters, “npk2”: this is version 2, and the message has 1,292 bytes.',
    ...HELLO,
    'ML-KEM-768 public key':
      'A fresh key for a method that quantum computers are not known to break. The server answers it with a secret that only this client can open.',
  },
  challenge1: {
    ...CHALLENGE,
    proof:
      'A box with the client’s session key, sealed with the server’s long-term key. It says nothing of the server’s own session key, and that is version 1’s weakness.',
  },
  challenge2: {
    version: 'Four letters, “npk2”: the server answers in version 2.',
    ...CHALLENGE,
    'ML-KEM-768 ciphertext': 'A secret of 32 bytes, wrapped for the client’s ML-KEM key.',
    proof:
      'A box with the hash of all that was said, under a key that needs the server’s long-term secret: nobody else can make it, and it fits no other conversation.',
  },
  response: {
    'client long-term key':
      'A box with the client’s long-term public key. It is sent when the server has proved itself, and only the server can open it.',
    answer:
      'The client’s own proof: in version 2 the hash of all that was said, in version 1 the server’s session key, under a key that needs the client’s long-term secret.',
  },
  reject: {
    version: 'Four letters, “npkR”: a reject, in place of the challenge.',
    reason:
      'A box with the reason. If it opens, the reject is of the server or the middlebox that the client addressed.',
  },
  reason: {
    code: 'Why the hello cannot be served.',
    zeros: '30 bytes of zero, which are checked: they fill the box.',
  },
  credit: CREDIT,
  alive: { interval: INTERVAL },
  header: {
    'stream header': '24 random bytes, from which version 1’s record cipher starts in this direction.',
  },
  record1: {
    ...RECORD,
    'tag (sealed)':
      'Version 1’s own tag, encrypted: an ordinary record, the end of a message, a new key, or the last record.',
  },
  record2: RECORD,
  plaintext: {
    size: 'How many of these bytes are meant: size, type and data, without the padding.',
    type: 'What the record is: data, an alert or a control record. In version 2 its upper bits are flags: final, end of message, rekey.',
    data: 'What the application has written.',
    'data: code': 'Which alert or which control record it is.',
    'data: text': 'The alert’s text, for people.',
    'data: payload': 'What the control record carries.',
    'data: limit': CREDIT.limit,
    'data: heeds': CREDIT.heeds,
    'data: interval': INTERVAL,
    padding: 'Zeros that hide how long the data is. They are checked.',
  },
}
