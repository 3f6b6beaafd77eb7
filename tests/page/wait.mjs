// wait.mjs - waiting for conditions, and what several scenarios need.
import assert from 'node:assert/strict'

export const patience = Number(process.env.PATIENCE ?? 5)

// Until F returns something true: that. LATEST is what is told when it does not come.
export async function until(f, what, seconds = 10) {
  const end = Date.now() + seconds * 1000 * patience
  let value
  for (;;) {
    value = await f()
    if (value) return value
    if (Date.now() > end) assert.fail(`not within the time: ${what}`)
    await new Promise(done => setTimeout(done, 50))
  }
}

// The console's text, line by line, as xterm.js has it.
export function text(page) {
  return page.evaluate(() => {
    const b = globalThis.vmTerminal?.buffer.active
    return b ? Array.from({ length: b.length }, (_, i) => b.getLine(i).translateToString(true)).join('\n') : ''
  })
}

export async function shows(page, like, seconds) {
  let last
  await until(async () => like.test(last = await text(page)), `${like} on the console`, seconds).catch(e => { throw new Error(`${e.message}:\n${last}`) })
}

export async function type(page, keys) {
  await page.locator('.xterm-helper-textarea').focus()
  await page.keyboard.type(keys)
}

export async function logIn(page) {
  await shows(page, /machsh login: *$/m)
  await type(page, 'root\n')
  await shows(page, /machsh# *$/m)
}

// State's words in the head of the page.
export const state = (page, words, seconds) => until(async () => await page.locator('#state').textContent() === words, `state ${words}`, seconds)

export async function open(page, tab) {
  await page.getByRole('tab', { name: tab, exact: true }).click()
}
