// Break it: what somebody on the way may do, or what may be set up wrongly, and what the ends make of it.

import { type Break, breakOf } from '../run/break.js'
import type { Story } from '../run/story.js'
import { count } from './bytes.js'
import { TITLES } from './message.js'

interface Props {
  story: Story
  /** The conversation that nobody has broken. */
  whole: Story
  broken: Break | undefined
  choose(broken: Break | undefined): void
}

export function Breaks({ story, whole, broken, choose }: Props) {
  const message = broken && 'message' in broken ? broken.message : firstRecord(whole)
  const offset = broken && 'offset' in broken ? broken.offset : 0
  const length = whole.wire[message]?.bytes.length ?? 1
  const make = (kind: string, which = message, at = offset) => {
    const last = Math.max(0, (whole.wire[which]?.bytes.length ?? 1) - 1)
    choose(breakOf(kind, which, Math.min(at, last), 0))
  }
  const kind = broken?.kind ?? ''
  return (
    <section class="breaks" aria-label="break it">
      <header>
        <h2>Break it</h2>
        <p>
          Play somebody who sits on the wire, or who has set an end up wrongly. The same two engines run again, with the
          same random bytes; what they say is what they really say.
        </p>
      </header>
      <fieldset class="choices">
        <legend>What happens</legend>
        {KINDS.map(([id, label]) => (
          <label key={id} class={kind === id ? 'chosen' : ''}>
            <input type="radio" name="kind" value={id} checked={kind === id} onChange={() => make(id)} />
            {label}
          </label>
        ))}
      </fieldset>
      {broken && 'message' in broken ? (
        <div class="where">
          <label>
            <span>which message</span>
            <select value={message} onChange={event => make(kind, Number(event.currentTarget.value), 0)}>
              {whole.wire.map(it => (
                <option key={it.index} value={it.index} disabled={broken.kind === 'swap' && !canSwap(whole, it.index)}>
                  {it.index + 1}. {TITLES[it.kind]}, from the {it.from}, {count(it.bytes.length)}
                </option>
              ))}
            </select>
          </label>
          {'offset' in broken ? (
            <label>
              <span>
                {broken.kind === 'cut' ? 'how many bytes pass' : 'which byte'}: {offset}
              </span>
              <input
                type="range"
                min={0}
                max={length - 1}
                value={offset}
                onInput={event => make(kind, message, Number(event.currentTarget.value))}
              />
            </label>
          ) : null}
        </div>
      ) : null}
      {broken ? <Outcome story={story} /> : <p class="hint">Choose one.</p>}
    </section>
  )
}

function Outcome({ story }: { story: Story }) {
  if (story.failures.length === 0) return <p class="outcome good">Neither end minds: nothing was lost.</p>
  return (
    <ul class="outcome">
      {story.failures.map(it => (
        <li key={it.who}>
          <b>{it.who}</b> <code>{it.code}</code>
          {it.message === undefined || it.offset === undefined
            ? ''
            : `, at byte ${it.offset} of message ${it.message + 1}`}
          <br />
          {it.reason}. <i>What to do: {it.next}.</i>
        </li>
      ))}
    </ul>
  )
}

/** Only where the next message of the same direction does not wait for an answer. */
function canSwap(story: Story, index: number): boolean {
  const [one, two] = [story.wire[index], story.wire[index + 1]]
  return one !== undefined && two !== undefined && one.from === two.from && one.kind.startsWith('record')
}

function firstRecord(story: Story): number {
  return Math.max(
    0,
    story.wire.findIndex(it => it.kind.startsWith('record')),
  )
}

const KINDS: [string, string][] = [
  ['flip', 'a bit is flipped'],
  ['cut', 'the connection is cut'],
  ['replay', 'a message comes twice'],
  ['drop', 'a message is dropped'],
  ['swap', 'two records change places'],
  ['server-key', 'the client has the wrong server key'],
  ['context', 'the client has another context'],
]
