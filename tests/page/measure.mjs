// measure.mjs - figures for bench/web.py, as a line of JSON.
import { shows, state, text, type } from './wait.mjs'

// First contentful paints of PAINTS new browser profiles, and the time from a key of the page to its echo in
// xterm.js's buffer, KEYS times, each after the guest has come to rest; milliseconds.
export async function measure({ visit }, paints, keys) {
  const paint = []
  for (let i = 0; i < Number(paints); i++) {
    const page = await visit()
    await state(page, 'ready', 60)
    paint.push(await page.evaluate(() => performance.getEntriesByName('first-contentful-paint')[0].startTime))
    await page.context().close()
  }
  const page = await visit()
  await shows(page, /(login:|#) *\n*$/, 60)
  if (/login: *\n*$/.test(await text(page))) {
    await type(page, 'root\n')
    await shows(page, /# *\n*$/)
  }
  await type(page, 'cat >/dev/null\n')
  await new Promise(done => setTimeout(done, 500)) // until cat runs: the shell's line editor takes keys before
  const echo = await page.evaluate(async count => {
    const term = globalThis.vmTerminal
    const times = []
    for (let i = 0; i < count; i++) {
      await new Promise(done => setTimeout(done, 5))
      if (i % 60 === 59) { // a new line: at its end the terminal would wrap
        const came = new Promise(done => { const w = term.onWriteParsed(() => { w.dispose(); done() }) })
        term.input('\r')
        await came
        await new Promise(done => setTimeout(done, 20))
      }
      const before = performance.now()
      const came = new Promise(done => { const w = term.onWriteParsed(() => { w.dispose(); done() }) })
      term.input('abcdefgh'[i % 8])
      await came
      times.push(performance.now() - before)
    }
    return times
  }, Number(keys))
  await page.evaluate(() => globalThis.vmTerminal.input('\x03'))
  await shows(page, /\^C\s.*# *\n*$/s)
  console.log(JSON.stringify({ paint, echo }))
}
