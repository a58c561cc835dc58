// Version 1 beside version 2, and the one in the middle: step by step, the same attack on both.

import { useMemo, useState } from 'preact/hooks'
import type { WasmModule } from '../../wasm/instance.js'
import { leavesOf } from '../run/look.js'
import { type Attack, type AttackStep, intercept, type Passing } from '../run/middle.js'
import { lookedAt } from './capture.js'
import { Inspector, type Looked } from './inspector.js'
import { MessageView } from './message.js'
import { usePlaying } from './playing.js'

interface Props {
  module: WasmModule
  seed: string
  text: string
  step: number
  /** What is looked at, for links: `middle.2.proof.proof.mac`, a version, a step, and a field's path. */
  field: string
  move(change: { step?: string; field?: string; text?: string }): void
}

export function Versions({ module, seed, text, step, field, move }: Props) {
  const [peeked, setPeeked] = useState<Looked | undefined>(undefined)
  const attacks = useMemo(
    () => [intercept(module, { version: 1, seed, text }), intercept(module, { version: 2, seed, text })] as const,
    [module, seed, text],
  )
  const last = attacks[0].steps.length - 1
  const at = Math.min(step, last)
  const go = (it: number) => {
    setPeeked(undefined)
    move({ step: it === 0 ? '' : String(it) })
  }
  const [playing, play] = usePlaying(at, last + 1, PACE_MS, go)
  const look = (it: Looked) => {
    setPeeked(undefined)
    move({ field: it.id })
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
          <input
            type="text"
            value={text}
            maxLength={2000}
            onInput={event => move({ text: event.currentTarget.value })}
          />
        </label>
        <div class="buttons">
          <button type="button" aria-label="step back" disabled={at === 0} onClick={() => go(at - 1)}>
            ←
          </button>
          <button type="button" class="main" aria-pressed={playing} onClick={() => play(!playing)}>
            {playing ? 'Pause' : 'Play'}
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
          <Played key={attack.version} attack={attack} at={at} field={field} look={look} peek={setPeeked} />
        ))}
      </div>
      <Inspector looked={peeked ?? linked(attacks, field)} whereabouts={[]} close={() => move({ field: '' })} />
    </section>
  )
}

interface Looking {
  field: string
  look(it: Looked): void
  peek(it: Looked | undefined): void
}

function Played({ attack, at, ...looking }: { attack: Attack; at: number } & Looking) {
  const { version, steps } = attack
  const proof = steps.find(it => it.id === 'splice')?.passing?.stolen?.offset
  return (
    <section class="attack" aria-label={`version ${version}`} data-version={version}>
      <h3>Version {version}</h3>
      <Three step={steps[at]} />
      <ol reversed>
        {steps
          .slice(0, at + 1)
          .toReversed()
          .map((step, index) => (
            <li key={step.id} class={index === 0 ? 'now' : ''} data-step={step.id}>
              <p class={step.failure ? 'step bad' : 'step'}>{step.title}</p>
              <p>{step.text}</p>
              {step.failure ? (
                <p class="outcome">
                  <code>{step.failure.code}</code> at byte {step.failure.offset} of the challenge: the proof, which
                  begins at byte {proof}, does not open. <i>What to do: {step.failure.next}.</i>
                </p>
              ) : null}
              {step.read === undefined ? null : (
                <p class="read">
                  Mallory reads: <b>“{step.read}”</b>
                </p>
              )}
              {step.passing ? (
                <Passed
                  prefix={`middle.${version}.${step.id}.`}
                  passing={step.passing}
                  open={index === 0 && step.id !== 'forward'}
                  {...looking}
                />
              ) : null}
            </li>
          ))}
      </ol>
    </section>
  )
}

function Passed(props: { prefix: string; passing: Passing; open: boolean } & Looking) {
  const { prefix, passing, open, field, look, peek } = props
  const { stolen } = passing
  const marks = stolen ? new Set(Array.from({ length: stolen.length }, (_, at) => stolen.offset + at)) : undefined
  return (
    <MessageView
      message={{ ...passing, index: 0 }}
      open={open}
      current={field.startsWith(prefix) ? field.slice(prefix.length) : undefined}
      look={(leaf, message) => look(lookedAt(prefix, leaf, message))}
      peek={(leaf, message) => peek(leaf && lookedAt(prefix, leaf, message))}
      opened={false}
      marks={marks}
      note={stolen ? 'Marked: the proof that Mallory has stolen.' : undefined}
    />
  )
}

/** What a link points to. */
function linked(attacks: readonly Attack[], field: string): Looked | undefined {
  const [, version, id, ...path] = field.split('.')
  const steps = attacks.find(it => String(it.version) === version)?.steps
  const passing = steps?.find(it => it.id === id)?.passing
  const leaf = passing && leavesOf(passing).find(it => it.path === path.join('.'))
  return leaf && passing && lookedAt(`middle.${version}.${id}.`, leaf, { ...passing, index: 0 })
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
