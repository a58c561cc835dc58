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
          <Choice
            name="padding"
            value={padding}
            among={PADDINGS}
            choose={it => move({ padding: it as Linked['padding'] })}
          />
          <Choice
            name="version"
            value={String(version)}
            among={VERSIONS}
            choose={it => move({ version: it === '1' ? 1 : 2, step: '', field: '', broken: undefined })}
          />
          <button type="button" data-set="fresh" onClick={() => move({ seed: freshSeed() })} title={`now “${seed}”`}>
            Draw new keys
          </button>
        </div>
      </details>
    </section>
  )
}

interface ChoiceProps {
  name: string
  value: string
  among: readonly (readonly [value: string, label: string])[]
  choose(value: string): void
}

function Choice({ name, value, among, choose }: ChoiceProps) {
  return (
    <label>
      <span>{name}</span>
      <select data-set={name} value={value} onChange={event => choose(event.currentTarget.value)}>
        {among.map(([it, label]) => (
          <option key={it} value={it}>
            {label}
          </option>
        ))}
      </select>
    </label>
  )
}

function freshSeed(): string {
  return Array.from(crypto.getRandomValues(new Uint8Array(6)), it => it.toString(16).padStart(2, '0')).join('')
}

const PADDINGS = [
  ['none', 'none'],
  ['block', 'blocks of 128'],
  ['full', 'all alike'],
] as const
const VERSIONS = [
  ['2', '2'],
  ['1', '1'],
] as const
const VIEWS = { all: 'you: everything', observer: 'an observer', middlebox: 'a middlebox' }
// On a phone there is no room for all of it.
const WIDE = matchMedia('(min-width: 901px)')
