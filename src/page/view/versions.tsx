// Version 1 beside version 2, and the one in the middle: step by step, the same attack on both.

import { useMemo, useState } from 'preact/hooks'
import type { WasmModule } from '../../wasm/instance.js'
import { type Attack, type AttackStep, intercept } from '../run/middle.js'
import { MessageView } from './message.js'

interface Props {
  module: WasmModule
  seed: string
  text: string
  step: number
  go(step: number): void
  setText(text: string): void
}

export function Versions({ module, seed, text, step, go, setText }: Props) {
  const [playing, setPlaying] = useState<number | undefined>(undefined)
  const attacks = useMemo(
    () => [intercept(module, { version: 1, seed, text }), intercept(module, { version: 2, seed, text })] as const,
    [module, seed, text],
  )
  const last = attacks[0].steps.length - 1
  const at = Math.min(step, last)
  const play = () => {
    if (playing !== undefined) {
      clearInterval(playing)
      return setPlaying(undefined)
    }
    let next = at === last ? 0 : at + 1
    go(next)
    const timer = setInterval(() => {
      next += 1
      if (next > last) {
        clearInterval(timer)
        return setPlaying(undefined)
      }
      go(next)
    }, PACE_MS)
    setPlaying(timer)
  }
  return (
    <section class="versions" aria-label="version 1 beside version 2">
      <header>
        <h2>The one in the middle</h2>
        <p>
          Version 1 is the published design; version 2 closes its holes, and is the default. Here the same person,
          Mallory, tries the same thing on both. All three engines are real, and so is what Mallory reads.
        </p>
        <label>
          <span>what the client will say</span>
          <input type="text" value={text} maxLength={200} onInput={event => setText(event.currentTarget.value)} />
        </label>
        <div class="buttons">
          <button type="button" aria-label="step back" disabled={at === 0} onClick={() => go(at - 1)}>
            ←
          </button>
          <button type="button" class="main" aria-pressed={playing !== undefined} onClick={play}>
            {playing === undefined ? 'Play' : 'Pause'}
          </button>
          <button type="button" aria-label="next step" disabled={at === last} onClick={() => go(at + 1)}>
            →
          </button>
          <span>
            step {at + 1} of {last + 1}
          </span>
        </div>
      </header>
      <div class="pair">
        {attacks.map(attack => (
          <Played key={attack.version} attack={attack} at={at} />
        ))}
      </div>
    </section>
  )
}

function Played({ attack, at }: { attack: Attack; at: number }) {
  return (
    <section class="attack" aria-label={`version ${attack.version}`} data-version={attack.version}>
      <h3>Version {attack.version}</h3>
      <Three step={attack.steps[at]} />
      <ol>
        {attack.steps.slice(0, at + 1).map((step, index) => (
          <li key={step.id} class={index === at ? 'now' : ''} data-step={step.id}>
            <p class={step.failure ? 'step bad' : 'step'}>{step.title}</p>
            <p>{step.text}</p>
            {step.failure ? (
              <p class="outcome">
                <code>{step.failure.code}</code> at byte {step.failure.offset} of the challenge: the proof, which begins
                at byte {attack.steps.find(it => it.id === 'splice')?.passing?.stolen?.offset}, does not open.{' '}
                <i>What to do: {step.failure.next}.</i>
              </p>
            ) : null}
            {step.passing ? <Passed step={step} passing={step.passing} open={index === at} /> : null}
            {step.read === undefined ? null : (
              <p class="read">
                Mallory reads: <b>“{step.read}”</b>
              </p>
            )}
          </li>
        ))}
      </ol>
    </section>
  )
}

function Passed({
  step,
  passing,
  open,
}: {
  step: AttackStep
  passing: NonNullable<AttackStep['passing']>
  open: boolean
}) {
  const { stolen, from, kind, bytes } = passing
  const marks = stolen ? new Set(Array.from({ length: stolen.length }, (_, at) => stolen.offset + at)) : undefined
  const none = () => {}
  return (
    <MessageView
      message={{ index: 0, from, kind, bytes }}
      open={open && step.id !== 'forward'}
      current={undefined}
      look={none}
      peek={none}
      opened={false}
      marks={marks}
      note={stolen ? 'Marked: the proof that Mallory has stolen.' : undefined}
    />
  )
}

/** Who sends to whom. */
function Three({ step }: { step: AttackStep | undefined }) {
  const { from, to } = step?.passing ?? {}
  const heading = from && to ? (ORDER.indexOf(from) < ORDER.indexOf(to) ? 'right' : 'left') : ''
  const near = [from, to].includes('client') ? 'first' : 'second'
  return (
    <div class="three" aria-hidden="true">
      <span class={from === 'client' || to === 'client' ? 'on' : ''}>client</span>
      <i class={near === 'first' && heading ? `on ${heading}` : ''} />
      <span class="mallory on">Mallory</span>
      <i class={near === 'second' && heading ? `on ${heading}` : ''} />
      <span class={from === 'server' || to === 'server' ? 'on' : ''}>server</span>
    </div>
  )
}

const ORDER = ['client', 'middle', 'server']
const PACE_MS = 2600
