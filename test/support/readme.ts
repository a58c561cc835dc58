import * as assert from 'uvu/assert'

/** The README's code on a port that the system gives: other tests run it at the same time. */
export function onAnyPort(code: string): string {
  const anywhere = code.replace(/listen\(\d+,/, 'listen(0,').replace(/port: \d+/, 'port: server.address().port')
  assert.ok(anywhere.includes('listen(0,') && anywhere.includes('server.address().port'), code)
  return anywhere
}
