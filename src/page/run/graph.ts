// The key schedule as a graph: what is made of what. "Version 2", start to split; in version 1 there is less of it.

export interface Node {
  id: string
  label: string
  /** What it is, in a sentence. */
  text: string
  column: number
  row: number
  kind: 'key' | 'product' | 'hash' | 'chain' | 'box' | 'record'
}

export interface Edge {
  from: string
  to: string
}

const MADE_OF: Record<
  string,
  [id: string, label: string, from: string[], place: [number, number], kind: Node['kind'], text: string][]
> = {
  2: [
    ['client-session', 'client session', [], [0, 0], 'key', 'The client’s session key pair; this is its public half.'],
    ['server-session', 'server session', [], [0, 1], 'key', 'The server’s session key pair; this is its public half.'],
    ['server-key', 'server key', [], [0, 2], 'key', 'The server’s long-term public key.'],
    ['client-key', 'client key', [], [0, 3], 'key', 'The client’s long-term public key.'],
    [
      'ee',
      'ee',
      ['client-session', 'server-session'],
      [1, 0.5],
      'product',
      'What the two session keys share, by X25519.',
    ],
    ['kem', 'ML-KEM', [], [1, -0.5], 'product', 'What the ML-KEM ciphertext wraps: 32 bytes that both ends have.'],
    [
      'es',
      'es',
      ['client-session', 'server-key'],
      [1, 1.5],
      'product',
      'What the client’s session key and the server’s long-term key share.',
    ],
    [
      'se',
      'se',
      ['server-session', 'client-key'],
      [1, 2.5],
      'product',
      'What the client’s long-term key and the server’s session key share.',
    ],
    ['hello-key', 'hello box', ['es'], [2, 2.3], 'box', 'The key of the hello’s box, from es and the hello itself.'],
    ['ck0', 'ck', [], [2, 0], 'chain', 'The chaining key as both ends start.'],
    [
      'ck1',
      'ck',
      ['ck0', 'ee', 'kem', 'h2'],
      [4, 0],
      'chain',
      'The chaining key with ee and the ML-KEM secret mixed in.',
    ],
    ['ck2', 'ck', ['ck1', 'es', 'h3'], [5, 0], 'chain', 'The chaining key with es mixed in.'],
    ['ck3', 'ck', ['ck2', 'h4'], [6, 0], 'chain', 'The chaining key once more.'],
    ['ck4', 'ck', ['ck3', 'se', 'h5'], [7, 0], 'chain', 'The chaining key with se mixed in: the last one.'],
    ['k1', 'box 1', ['ck1'], [4, 1.7], 'box', 'The key of the box with the server’s name.'],
    ['k2', 'box 2', ['ck2'], [5, 1.7], 'box', 'The key of the server’s proof.'],
    ['k3', 'box 3', ['ck3'], [6, 1.7], 'box', 'The key of the box with the client’s name.'],
    ['k4', 'box 4', ['ck4'], [7, 1.7], 'box', 'The key of the client’s answer.'],
    ['h0', 'h', [], [2, 3.4], 'hash', 'The hash as both ends start: the protocol’s name and the context.'],
    ['h1', 'h', ['h0'], [3, 3.4], 'hash', 'The hash with the hello.'],
    ['h2', 'h', ['h1'], [4, 3.4], 'hash', 'The hash with the challenge’s head.'],
    ['h3', 'h', ['h2'], [5, 3.4], 'hash', 'The hash with the server’s name: the content of the proof.'],
    ['h4', 'h', ['h3'], [6, 3.4], 'hash', 'The hash with the proof.'],
    ['h5', 'h', ['h4'], [7, 3.4], 'hash', 'The hash with the client’s name: the content of the answer.'],
    ['h6', 'session hash', ['h5'], [8, 3.4], 'hash', 'The hash of all that was said: a public name for this session.'],
    [
      'client-to-server',
      'client → server',
      ['ck4', 'h6'],
      [8, -0.3],
      'record',
      'The first key of the client’s records.',
    ],
    [
      'server-to-client',
      'server → client',
      ['ck4', 'h6'],
      [8, 0.7],
      'record',
      'The first key of the server’s records.',
    ],
    ['exporter', 'exporter', ['ck4', 'h6'], [8, 1.7], 'record', 'The secret from which keys for the application come.'],
  ],
  1: [
    ['client-session', 'client session', [], [0, 0], 'key', 'The client’s session key pair; this is its public half.'],
    ['server-session', 'server session', [], [0, 1], 'key', 'The server’s session key pair; this is its public half.'],
    ['server-key', 'server key', [], [0, 2], 'key', 'The server’s long-term public key.'],
    ['client-key', 'client key', [], [0, 3], 'key', 'The client’s long-term public key.'],
    ['ee', 'ee', ['client-session', 'server-session'], [2, 0.5], 'product', 'The box key of the two session keys.'],
    [
      'es',
      'es',
      ['client-session', 'server-key'],
      [2, 1.5],
      'product',
      'The box key of the client’s session key and the server’s long-term key: of the hello and of the proof.',
    ],
    [
      'se',
      'se',
      ['server-session', 'client-key'],
      [2, 2.6],
      'product',
      'The box key of the client’s long-term key and the server’s session key: of the answer.',
    ],
    [
      'client-to-server',
      'client → server',
      ['client-session', 'server-session'],
      [4, -0.3],
      'record',
      'The first key of the client’s records: from the session keys alone.',
    ],
    [
      'server-to-client',
      'server → client',
      ['client-session', 'server-session'],
      [4, 0.7],
      'record',
      'The first key of the server’s records: from the session keys alone.',
    ],
  ],
}

export function graphOf(version: 1 | 2): { nodes: Node[]; edges: Edge[] } {
  const rows = MADE_OF[version] ?? []
  return {
    nodes: rows.map(([id, label, , [column, row], kind, text]) => ({ id, label, text, column, row, kind })),
    edges: rows.flatMap(([id, , from]) => from.map(it => ({ from: it, to: id }))),
  }
}
