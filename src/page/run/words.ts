// What the page says about each piece of work, in words for somebody who sees the protocol for the first time.

export interface Words {
  title: string
  /** A sentence or three. */
  text: string
  /** What of the key schedule it uses or makes. */
  lit?: readonly string[]
}

/** The words of an act: `client.ee`, `wire.hello`; version 1's where they differ. */
export function wordsOf(act: string, version: 1 | 2): Words {
  const own = version === 1 ? VERSION_1[act] : undefined
  return own ?? WORDS[act] ?? { title: act, text: '' }
}

const WORDS: Record<string, Words> = {
  'server.start': {
    title: 'The server waits',
    text: 'It has a long-term key pair, which it keeps for years. The public half is known to its clients. Its memory holds a copy of the pair, and nothing of any client yet.',
    lit: ['server-key'],
  },
  'client.start': {
    title: 'The client begins',
    text: 'It has a long-term key pair too, and it knows the server’s public key: no certificate, no authority. Both ends start with the same hash h and the same chaining key ck, made of the protocol’s name and the application’s context.',
    lit: ['client-key', 'h0', 'ck0'],
  },
  'client.session-secret': {
    title: 'The client draws a session secret key',
    text: '32 random bytes, for this connection alone. They are never sent, and they are wiped when the handshake is over: whoever steals a long-term key later cannot get them back.',
    lit: ['client-session'],
  },
  'client.session-public': {
    title: 'The client makes the public half',
    text: 'X25519 turns the secret key into a public key. The way back is not known.',
    lit: ['client-session'],
  },
  'client.kem-seed': {
    title: 'The client makes an ML-KEM key pair',
    text: '64 random bytes become a key pair of ML-KEM-768, which is built to resist quantum computers. Its public key has 1,184 bytes and goes into the hello; its secret key has 2,400 bytes and stays.',
    lit: ['kem-key'],
  },
  'client.es': {
    title: 'The client multiplies: session secret × server’s key',
    text: 'This product, es, can be made by two parties only: by the client now, and by the server with its long-term secret key. A key for the hello’s box is derived from it.',
    lit: ['client-session', 'server-key', 'es', 'hello-key'],
  },
  'client.em': {
    title: 'The client multiplies: session secret × middlebox’s key',
    text: 'The hello is addressed to a middlebox, so its box is sealed under a key that the client and the middlebox can make. The server itself cannot open it.',
    lit: ['client-session', 'hello-key'],
  },
  'client.hello-box': {
    title: 'The client seals the box, and the hello is ready',
    text: 'The box names the server that the client wants. An observer sees 72 bytes that look random. Then the whole hello goes into the hash h: whoever changes a bit of it breaks the handshake.',
    lit: ['hello-key', 'h1'],
  },
  'wire.hello': {
    title: 'The hello crosses the wire',
    text: 'A version, two fresh public keys, and one sealed box. Both long-term keys are hidden.',
  },
  'middle.hello': {
    title: 'The middlebox opens the one box that is for it',
    text: 'It learns which server the client wants, and nothing else: not who the client is, nor what is said later. It sends the hello on unchanged.',
    lit: ['hello-key'],
  },
  'server.arrives-hello': {
    title: 'The hello arrives at the server',
    text: 'The first four bytes say which version it is, and so how long it is. When its last byte is there, the server begins to work.',
  },
  'server.es': {
    title: 'The server multiplies: its secret key × the client’s session key',
    text: 'It is the same product es, made from the other halves. With it the server opens the hello’s box, and sees that the client wants this server.',
    lit: ['server-key', 'client-session', 'es', 'hello-key'],
  },
  'server.session-secret': {
    title: 'The server draws a session secret key',
    text: '32 random bytes, for this connection alone.',
    lit: ['server-session'],
  },
  'server.session-public': {
    title: 'The server makes the public half',
    text: 'It will stand at the head of the challenge, in the clear.',
    lit: ['server-session'],
  },
  'server.kem-coins': {
    title: 'The server encapsulates to the ML-KEM key',
    text: '32 random bytes become a shared secret and a ciphertext of 1,088 bytes, which only the client’s ML-KEM secret key can turn into the same secret. The hello and the ciphertext are mixed into h.',
    lit: ['kem-key', 'kem', 'h1', 'h2'],
  },
  'server.ee': {
    title: 'The server multiplies both session keys, and mixes',
    text: 'ee is what the two session keys share. Together with the ML-KEM secret it goes into the chaining key: somebody who records this has to break both, X25519 and ML-KEM. Out of the mix comes a box key.',
    lit: ['client-session', 'server-session', 'ee', 'kem', 'h2', 'ck1', 'k1'],
  },
  'server.key-box': {
    title: 'The server names itself, in a box',
    text: 'Its long-term public key is sealed under the first box key, so that an observer does not learn who answers. Then es is mixed in, and a second box key comes out.',
    lit: ['k1', 'h3', 'es', 'ck2', 'k2'],
  },
  'server.proof': {
    title: 'The server proves that it holds its key',
    text: 'The proof is the hash h of all that was said, sealed under a key that only the holder of the server’s secret key can make. The challenge is ready; the scratch memory of this step is wiped.',
    lit: ['k2', 'h3', 'h4'],
  },
  'wire.challenge': {
    title: 'The challenge crosses the wire',
    text: 'A session key, an ML-KEM ciphertext, and two boxes.',
  },
  'client.arrives-challenge': {
    title: 'The challenge arrives, and the client decapsulates',
    text: 'With its ML-KEM secret key it turns the ciphertext into the shared secret that the server has. h takes in the same bytes as at the server.',
    lit: ['kem-key', 'kem', 'h2'],
  },
  'client.ee': {
    title: 'The client makes the same keys, and checks the server',
    text: 'ee and the ML-KEM secret give the first box key, which opens the server’s name. It is compared with the key that the client knows. es gives the second box key, which opens the proof. Its content must be h.',
    lit: ['ee', 'kem', 'ck1', 'k1', 'h3', 'es', 'ck2', 'k2', 'h4', 'ck3', 'k3'],
  },
  'client.es-late': {
    title: 'The client multiplies: session secret × server’s key',
    text: 'Behind a middlebox, the product es is first needed here: it gives the key that opens the server’s proof. Its content must be h.',
    lit: ['client-session', 'server-key', 'es', 'ck2', 'k2', 'h4', 'ck3', 'k3'],
  },
  'client.key-box': {
    title: 'The client names itself, in a box',
    text: 'Only now, when the server has proved itself, does the client say who it is: under a key that nobody but this server can make.',
    lit: ['k3', 'h5'],
  },
  'client.se': {
    title: 'The client multiplies: its secret key × the server’s session key',
    text: 'The product se needs the client’s long-term secret key. It is mixed in, and gives the last box key.',
    lit: ['client-key', 'server-session', 'se', 'ck4', 'k4'],
  },
  'client.answer': {
    title: 'The client proves itself, and the handshake is over',
    text: 'The answer is h again, sealed. Then ck is split into two record keys, one for each direction, and the exporter’s secret. All else is wiped: session secrets, the ML-KEM key, ck, and this copy of the long-term secret key.',
    lit: ['k4', 'h6', 'client-to-server', 'server-to-client', 'exporter'],
  },
  'wire.response': {
    title: 'The response crosses the wire',
    text: 'Two boxes, 144 bytes. The client could send its first data in the same packet.',
  },
  'server.arrives-response': {
    title: 'The response arrives',
    text: 'The server makes the third box key, and learns who the client claims to be.',
    lit: ['ck3', 'k3', 'h5'],
  },
  'server.se': {
    title: 'The server multiplies: session secret × client’s key, and checks',
    text: 'With se it opens the answer, and compares it with h. It matches: the server knows who the client is. It splits ck into the same two keys, and wipes its secrets.',
    lit: ['client-key', 'server-session', 'se', 'ck4', 'k4', 'h6', 'client-to-server', 'server-to-client', 'exporter'],
  },
  'wire.record': {
    title: 'A record crosses the wire',
    text: 'Two bytes of length in the clear; all behind them is sealed.',
  },
  'wire.reject': {
    title: 'A reject crosses the wire',
    text: 'The server could open the hello’s box, but cannot serve what it asks for. It says so in a box of its own.',
  },
  'client.arrives-reject': {
    title: 'The reject arrives',
    text: 'The client opens it with a key of the hello’s secret. If it opens, it is of the server that was addressed.',
  },
  'wire.header': {
    title: 'A stream header crosses the wire',
    text: 'In version 1 each direction starts with 24 random bytes in the clear, from which the record cipher starts.',
  },
}

const VERSION_1: Record<string, Words> = {
  'client.start': {
    title: 'The client begins',
    text: 'It has a long-term key pair, and it knows the server’s public key. Version 1 keeps no hash of what is said: this is where its weakness begins.',
    lit: ['client-key'],
  },
  'client.session-secret': {
    title: 'The client draws a session key pair',
    text: '32 random bytes, for this connection alone, and their public half. What session key and server key share becomes the key of the hello’s box.',
    lit: ['client-session', 'es'],
  },
  'client.hello-box': {
    title: 'The client seals the box, and the hello is ready',
    text: 'The box names the server that the client wants. The hello has 108 bytes: no ML-KEM key.',
    lit: ['es'],
  },
  'wire.hello': { title: 'The hello crosses the wire', text: 'A version, a fresh public key, and one sealed box.' },
  'server.arrives-hello': {
    title: 'The hello arrives at the server',
    text: 'Its box opens under what the server’s long-term key and the client’s session key share.',
    lit: ['es'],
  },
  'server.session-secret': {
    title: 'The server draws a session key pair',
    text: 'What the two session keys share will be the key of the next box.',
    lit: ['server-session', 'ee'],
  },
  'server.key-box': {
    title: 'The server names itself, in a box',
    text: 'Its long-term public key, sealed between the two session keys.',
    lit: ['ee'],
  },
  'server.proof': {
    title: 'The server proves that it holds its key',
    text: 'The proof is a box with the client’s session key. Look at what it does not cover: the server’s own session key. Whoever carries this box elsewhere can use it there.',
    lit: ['es'],
  },
  'wire.challenge': {
    title: 'The challenge crosses the wire',
    text: 'A session key and two boxes. It has no version.',
  },
  'client.arrives-challenge': {
    title: 'The challenge arrives, and the client checks it',
    text: 'The first box names the server, and the name is compared with the key that the client knows. The proof opens, and holds the client’s session key.',
    lit: ['ee', 'es'],
  },
  'client.key-box': {
    title: 'The client names itself, in a box',
    text: 'Its long-term public key, sealed between the two session keys.',
    lit: ['ee', 'se'],
  },
  'client.answer': {
    title: 'The client proves itself',
    text: 'The answer is a box with the server’s session key. The two record keys come from the session keys alone.',
    lit: ['se', 'client-to-server', 'server-to-client'],
  },
  'client.stream-header': {
    title: 'The client draws its stream header',
    text: '24 random bytes, from which its record cipher starts. The handshake’s secrets are wiped.',
    lit: ['client-to-server', 'server-to-client'],
  },
  'server.arrives-header': {
    title: 'The header arrives',
    text: 'The server’s reader can open the client’s records now.',
  },
  'client.arrives-header': {
    title: 'The header arrives',
    text: 'The client’s reader can open the server’s records now.',
  },
  'server.arrives-response': {
    title: 'The response arrives, and the server checks it',
    text: 'The server learns who the client is, and checks the answer.',
    lit: ['ee', 'se', 'client-to-server', 'server-to-client'],
  },
  'server.stream-header': {
    title: 'The server draws its stream header',
    text: '24 random bytes, from which its record cipher starts. The handshake’s secrets are wiped.',
    lit: ['client-to-server', 'server-to-client'],
  },
}

/** The words for a record: what is done with it at one end. */
export function recordWords(role: string, act: 'write' | 'seal' | 'arrives' | 'open', what: string): Words {
  const End = role === 'client' ? 'The client' : 'The server'
  const from = role === 'client' ? 'client-to-server' : 'server-to-client'
  const to = role === 'client' ? 'server-to-client' : 'client-to-server'
  switch (act) {
    case 'write':
      return {
        title: `${End} writes ${what}`,
        text: 'The plaintext lies in the write window: its size, its type, the data, and padding if there is any. Nothing is sealed yet.',
        lit: [from],
      }
    case 'seal':
      return {
        title: `${End} seals ${what}`,
        text: 'In place: the same bytes of memory, now unreadable, with a tag of 16 bytes behind them. The nonce is a counter, which grows by one with each record.',
        lit: [from],
      }
    case 'arrives':
      return {
        title: `${End} has received ${what}`,
        text: 'The sealed bytes lie in the receive buffer. The reader waits until the record is whole.',
        lit: [to],
      }
    default:
      return {
        title: `${End} opens ${what}`,
        text: 'The tag is checked first. Then the bytes are opened in place, read, and wiped.',
        lit: [to],
      }
  }
}
