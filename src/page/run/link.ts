// What a link holds: which tab, which step, which field, and what the conversation is made with. Everything else has a default.

import { type Break, breakOf } from './break.js'

export interface Place {
  tab: 'walk' | 'break' | 'versions' | 'capture'
  /** A moment's name, such as `server.ee`. */
  step: string
  /** What is looked at: `wire.1.proof.mac`, `client.handshake.chaining key ck`, `node.ck1`. */
  field: string
  view: 'all' | 'observer' | 'middlebox'
  version: 1 | 2
  seed: string
  text: string
  padding: 'none' | 'block' | 'full'
  broken: Break | undefined
}

export const HOME: Place = {
  tab: 'walk',
  step: '',
  field: '',
  view: 'all',
  version: 2,
  seed: 'nopki',
  text: 'hello over a channel',
  padding: 'none',
  broken: undefined,
}

/** As it stands behind `#` in an address. */
export function toHash(place: Place): string {
  const parameters = new URLSearchParams()
  for (const name of NAMES) if (place[name] !== HOME[name]) parameters.set(name, String(place[name]))
  if (place.broken) parameters.set('broken', breakText(place.broken))
  return parameters.toString()
}

/** What a link says, as far as it makes sense: a link may come from anyone. */
export function fromHash(hash: string): Place {
  const parameters = new URLSearchParams(hash.replace(/^#/, ''))
  const pick = <T extends string>(name: string, among: readonly T[], otherwise: T): T =>
    among.find(it => it === parameters.get(name)) ?? otherwise
  const short = (name: string, otherwise: string) => (parameters.get(name) ?? otherwise).slice(0, LONGEST)
  return {
    tab: pick('tab', ['walk', 'break', 'versions', 'capture'], HOME.tab),
    step: short('step', HOME.step),
    field: short('field', HOME.field),
    view: pick('view', ['all', 'observer', 'middlebox'], HOME.view),
    version: parameters.get('version') === '1' ? 1 : 2,
    seed: short('seed', HOME.seed),
    text: short('text', HOME.text),
    padding: pick('padding', ['none', 'block', 'full'], HOME.padding),
    broken: breakIn(parameters.get('broken') ?? ''),
  }
}

/** `flip 1 1200 0`, `cut 3 9`, `replay 4`, `context`. */
function breakText(it: Break): string {
  if (it.kind === 'flip') return `flip ${it.message} ${it.offset} ${it.bit}`
  if (it.kind === 'cut') return `cut ${it.message} ${it.offset}`
  return 'message' in it ? `${it.kind} ${it.message}` : it.kind
}

function breakIn(text: string): Break | undefined {
  const [kind, ...rest] = text.split(' ')
  const [message = 0, offset = 0, bit = 0] = rest.map(it => Math.abs(Math.trunc(Number(it))) || 0)
  return breakOf(kind, message, offset, bit & 7)
}

const NAMES = ['tab', 'step', 'field', 'view', 'version', 'seed', 'text', 'padding'] as const
const LONGEST = 2000
