// undici’s RetryAgent, with web; prints 200 GET /flaky

import { createConnector } from 'nopki/http'
import { Agent, RetryAgent, request } from 'undici'

const dispatcher = new RetryAgent(new Agent({ connect: createConnector(process.env.ADDRESS) }), { minTimeout: 1 })
const { statusCode, body } = await request('http://service/flaky', { dispatcher })
console.log(statusCode, await body.text())
await dispatcher.close()
