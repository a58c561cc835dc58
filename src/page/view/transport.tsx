// Step, back, play: where one is in the conversation, and what happens there.

import type { Moment } from '../run/story.js'

interface Props {
  moments: readonly Moment[]
  at: number
  playing: boolean
  go(step: number): void
  play(on: boolean): void
}

export function Transport({ moments, at, playing, go, play }: Props) {
  const moment = moments[at]
  if (!moment) return null
  const chapters = moments.map(it => it.chapter).filter((it, index, all) => all.indexOf(it) === index)
  return (
    <section class="transport" aria-label="steps">
      <nav class="chapters" aria-label="chapters">
        {chapters.map(chapter => {
          const steps = moments.flatMap((it, index) => (it.chapter === chapter ? [index] : []))
          const [first = 0] = steps
          const current = moment.chapter === chapter
          return (
            <button
              type="button"
              key={chapter}
              aria-current={current ? 'step' : undefined}
              style={{ flexGrow: steps.length }}
              onClick={() => go(first)}
            >
              <span>{CHAPTERS[chapter]}</span>
              <span class="ticks" aria-hidden="true">
                {steps.map(step => (
                  <i
                    key={step}
                    class={`${step === at ? 'now' : step < at ? 'done' : ''} by-${moments[step]?.who} ${moments[step]?.failure ? 'bad' : ''}`}
                  />
                ))}
              </span>
            </button>
          )
        })}
      </nav>
      <div class="bar">
        <div class="buttons">
          <button type="button" onClick={() => go(at - 1)} disabled={at === 0} aria-label="step back">
            ←
          </button>
          <button type="button" class="main" onClick={() => play(!playing)} aria-pressed={playing}>
            {playing ? 'Pause' : 'Play'}
          </button>
          <button type="button" onClick={() => go(at + 1)} disabled={at === moments.length - 1} aria-label="next step">
            →
          </button>
        </div>
        <div class="said" aria-live="polite">
          <p class="where">
            <span class={`who by-${moment.who}`}>{WHO[moment.who]}</span> step {at + 1} of {moments.length}
          </p>
          <h2 class={moment.failure ? 'bad' : ''}>{moment.words.title}</h2>
          <p>{moment.words.text}</p>
          {moment.heard ? (
            <p class="heard">{moment.who === 'middle' ? moment.heard : `The application hears: ${moment.heard}`}</p>
          ) : null}
        </div>
      </div>
    </section>
  )
}

const CHAPTERS: Record<Moment['chapter'], string> = {
  start: 'Start',
  hello: 'Hello',
  challenge: 'Challenge',
  response: 'Response',
  records: 'Records',
  end: 'End',
}
const WHO = { client: 'client', server: 'server', wire: 'wire', middle: 'middlebox' }
