// The API reference, made from the types by typedoc, into build/api; with --check nothing is written, and what has no comment is an error.
//
//   node tools/api.js [--check]

import { register } from 'node:module'

// typedoc stands on the compiler's JavaScript API, which TypeScript has no more since 7.
register('./api-typescript.js', import.meta.url)
const { Application } = await import('typedoc')

const ENTRIES = {
  both: 'nopki',
  http: 'nopki/http',
  tunnel: 'nopki/tunnel',
  engine: 'nopki/engine',
  inspect: 'nopki/inspect',
}

// What stands there as it does in the platform, and is documented there.
const AS_ELSEWHERE = {
  'both.SecureServer': 'on once',
  'both.SecureSocket': `_read _writev _final _destroy readyState remoteAddress remoteFamily remotePort localAddress localFamily localPort
    address ref unref stopTimeout`,
  'both.BunServerWebSocket': 'send close getBufferedAmount',
  'both.bunWebSocket': '__type.open __type.message __type.close',
  'both.PortLike': 'postMessage addEventListener start close',
  'both.WebSocketLike': 'send close addEventListener resume',
  'inspect.LAYOUTS': '__type.record1 __type.record2',
}
// The names of properties say what they are, as a rule; the others have comments.
const REQUIRED = ['Variable', 'Function', 'Class', 'Interface', 'Method', 'Accessor', 'TypeAlias']

const check = process.argv.includes('--check')
const app = await Application.bootstrap({
  name: 'nopki',
  entryPoints: Object.keys(ENTRIES).map(it => `build/src/${it}/index.d.ts`),
  tsconfig: 'tools/api.tsconfig.json',
  out: 'build/api',
  readme: 'README.md',
  githubPages: false,
  disableSources: true,
  excludeExternals: true,
  excludeInternal: true,
  excludePrivate: true,
  validation: { notDocumented: true, notExported: false, invalidLink: false, invalidPath: false },
  requiredToBeDocumented: /** @type {any} */ (REQUIRED),
  intentionallyNotDocumented: Object.entries(AS_ELSEWHERE).flatMap(([name, members]) =>
    members.split(/\s+/).map(it => `${name}.${it}`),
  ),
  logLevel: 'Warn',
})
const project = await app.convert()
if (!project) process.exit(1)
app.validate(project)
if (app.logger.hasErrors() || app.logger.hasWarnings()) process.exitCode = 1
if (!check) {
  for (const module of project.children ?? []) {
    const name = ENTRIES[/** @type {keyof typeof ENTRIES} */ (module.name.split('/')[0])]
    if (name) module.name = name
  }
  await app.generateDocs(project, 'build/api')
}
