// A search over all of both memories, for any value.

import { useState } from 'preact/hooks'
import { toHex } from '../../inspect/index.js'
import { needleOf } from '../run/formats.js'
import type { Place } from '../run/maps.js'
import { find } from '../run/memory.js'
import type { Moment, Story } from '../run/story.js'
import { address } from './bytes.js'

interface Props {
  story: Story
  moment: Moment
  places: Readonly<Record<'client' | 'server', readonly Place[]>>
}

export function Search({ story, moment, places }: Props) {
  const [text, setText] = useState('')
  const needle = needleOf(text)
  const known = knownValues(story, moment)
  return (
    <section class="search" aria-label="search the memory">
      <header>
        <h2>Search all of both memories</h2>
        <p>
          Paste any value, as hex or as text, or take a secret below. After the handshake, neither end’s long-term
          secret key is found.
        </p>
      </header>
      <p class="chips">
        {known.map(([name, bytes]) => (
          <button type="button" class="small" key={name} onClick={() => setText(toHex(bytes))}>
            {name}
          </button>
        ))}
      </p>
      <label>
        <span>value</span>
        <input
          type="text"
          class="mono"
          value={text}
          spellcheck={false}
          autocomplete="off"
          onInput={event => setText(event.currentTarget.value)}
        />
      </label>
      {text === '' ? null : (
        <div class="hits" aria-live="polite">
          {(['client', 'server'] as const).map(role => {
            const hits = find(moment.memory[role], needle)
            return (
              <div key={role} class={hits.length > 0 ? 'found' : 'none'} data-hits={hits.length}>
                <b>{role}</b>:{' '}
                {hits.length === 0 ? `not in its ${memoryText(moment, role)}` : `found ${times(hits.length)}`}
                <ul>
                  {hits.slice(0, 8).map(pointer => {
                    const region = regionAt(places[role], pointer)
                    return (
                      <li key={pointer}>
                        <span class="mono">{address(pointer)}</span>{' '}
                        {region ? `${region.part}: ${region.name}` : 'in no region of the channel'}
                      </li>
                    )
                  })}
                </ul>
              </div>
            )
          })}
        </div>
      )}
    </section>
  )
}

export function regionAt(places: readonly Place[], pointer: number): Place | undefined {
  return places.find(it => it.pointer <= pointer && pointer < it.pointer + it.length && it.state !== 'wiped')
}

function knownValues(story: Story, moment: Moment): [string, Uint8Array][] {
  const values = (id: string) => moment.values.client.get(id) ?? moment.values.server.get(id)
  const made = ['ee', 'es', 'se', 'kem', 'client-to-server'].flatMap((id): [string, Uint8Array][] => {
    const value = values(id)
    return value ? [[NAMES[id] ?? id, value]] : []
  })
  return [
    ['client’s long-term secret key', story.keys.client.secretKey],
    ['server’s long-term secret key', story.keys.server.secretKey],
    ...made,
    ['what the client says', new TextEncoder().encode(story.options.text)],
  ]
}

function memoryText(moment: Moment, role: 'client' | 'server'): string {
  return `${(moment.memory[role].extent / 1024).toFixed(0)} KB that are not zero`
}

function times(count: number): string {
  return count === 1 ? 'once' : `${count} times`
}

const NAMES: Record<string, string> = { kem: 'ML-KEM secret', 'client-to-server': 'record key, client to server' }
