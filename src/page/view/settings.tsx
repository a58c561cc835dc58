// What it is made with, and who looks at it.

import type { Place as Linked } from '../run/link.js'

interface Props {
  place: Linked
  move(change: Partial<Linked>): void
}

export function Settings({ place, move }: Props) {
  const { view, version, text, padding, seed } = place
  return (
    <section class="settings" aria-label="what is shown">
      <fieldset class="views">
        <legend>Who looks</legend>
        {(Object.keys(VIEWS) as Linked['view'][]).map(it => (
          <label key={it} class={view === it ? 'chosen' : ''}>
            <input type="radio" name="view" value={it} checked={view === it} onChange={() => move({ view: it })} />
            {VIEWS[it]}
          </label>
        ))}
      </fieldset>
      <details open={WIDE.matches}>
        <summary>What it is made with</summary>
        <div class="made">
          <label>
            <span>the client says</span>
            <input
              type="text"
              data-set="text"
              value={text}
              maxLength={2000}
              onInput={event => move({ text: event.currentTarget.value })}
            />
          </label>
          <label>
            <span>padding</span>
            <select
              data-set="padding"
              value={padding}
              onChange={event => move({ padding: event.currentTarget.value as Linked['padding'] })}
            >
              <option value="none">none</option>
              <option value="block">blocks of 128</option>
              <option value="full">all alike</option>
            </select>
          </label>
          <label>
            <span>version</span>
            <select
              data-set="version"
              value={version}
              onChange={event =>
                move({ version: event.currentTarget.value === '1' ? 1 : 2, step: '', field: '', broken: undefined })
              }
            >
              <option value="2">2</option>
              <option value="1">1</option>
            </select>
          </label>
          <button type="button" data-set="fresh" onClick={() => move({ seed: freshSeed() })} title={`now “${seed}”`}>
            Draw new keys
          </button>
        </div>
      </details>
    </section>
  )
}

function freshSeed(): string {
  return Array.from(crypto.getRandomValues(new Uint8Array(6)), it => it.toString(16).padStart(2, '0')).join('')
}

const VIEWS = { all: 'you: everything', observer: 'an observer', middlebox: 'a middlebox' }
// On a phone there is no room for all of it.
const WIDE = matchMedia('(min-width: 901px)')
