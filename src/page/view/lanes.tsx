// The two memories, left and right of the wire: named regions, red where a secret is, grey where one was.

import type { Place } from '../run/maps.js'
import { isOfInterest } from '../run/maps.js'
import { address, Hex } from './bytes.js'

interface Props {
  role: 'client' | 'server'
  places: readonly Place[]
  /** Whose memory nobody outside sees. */
  hidden: boolean
  joined: ReadonlySet<string>
  current: string
  look(place: Place): void
  peek(place: Place | undefined): void
}

export function MemoryLane({ role, places, hidden, joined, current, look, peek }: Props) {
  const shown = places.filter(isOfInterest)
  const parts = [...new Set(shown.map(it => it.part))]
  const secrets = places.filter(it => it.standing === 'secret').length
  const wiped = places.filter(it => it.standing === 'wiped' || it.standing === 'reused').length
  return (
    <section class={`lane memory ${role}`} aria-label={`the ${role}’s memory`}>
      <header>
        <h2>{role === 'client' ? 'Client' : 'Server'}</h2>
        {hidden ? null : (
          <p class="tally">
            <span class="is-secret">{secrets} secrets</span> <span class="is-wiped">{wiped} wiped</span>
          </p>
        )}
      </header>
      {hidden ? (
        <p class="curtain">Nobody on the way can look into this memory.</p>
      ) : (
        parts.map(part => (
          <div class="part" key={part}>
            <h3>{PARTS[part] ?? part}</h3>
            {shown
              .filter(it => it.part === part)
              .map(it => (
                <button
                  type="button"
                  key={it.id}
                  class={`region is-${it.standing} ${it.changed ? 'is-changed' : ''} ${joined.has(it.id) ? 'is-joined' : ''}`}
                  aria-pressed={current === it.id}
                  data-region={it.id}
                  onClick={() => look(it)}
                  onFocus={() => peek(it)}
                  onBlur={() => peek(undefined)}
                  onMouseEnter={() => peek(it)}
                  onMouseLeave={() => peek(undefined)}
                >
                  <span class="label">
                    {it.name} <small class="mono">{address(it.pointer)}</small>
                  </span>
                  <span class="hex">
                    {it.standing === 'wiped' ? (
                      'wiped: all zero'
                    ) : it.standing === 'reused' ? (
                      'wiped, and used again'
                    ) : (
                      <Preview bytes={it.bytes} />
                    )}
                  </span>
                </button>
              ))}
          </div>
        ))
      )}
    </section>
  )
}

/** Its first bytes; of what begins with zeros, the first that are not. */
function Preview({ bytes }: { bytes: Uint8Array }) {
  const first = Math.max(
    0,
    bytes.findIndex(it => it !== 0),
  )
  const start = first < PREVIEW_BYTES ? 0 : first
  return (
    <>
      {start > 0 ? `${start} × 00 … ` : ''}
      <Hex bytes={bytes.subarray(start, start + PREVIEW_BYTES)} />
    </>
  )
}

const PREVIEW_BYTES = 12
const PARTS: Record<string, string> = {
  channel: 'channel',
  handshake: 'handshake, until it is over',
  offer: 'ML-KEM offer',
  step: 'scratch of this step',
  'incoming message': 'incoming message',
  'send buffer': 'send buffer',
  'receive buffer': 'receive buffer',
}
