// For tools/api.js: whoever imports the compiler gets the oldest that we support, which is still written in JavaScript.

/** @param {string} specifier @param {object} context @param {(specifier: string, context: object) => unknown} next */
export function resolve(specifier, context, next) {
  return next(specifier === 'typescript' ? 'typescript-oldest' : specifier, context)
}
