// actions.js - the buttons that act on the guest, each with a description.
import { post, url } from './api.js'
import { busy, complain, confirm, dialog, notice } from './ask.js'
import { $, button, fill, h, setText } from './dom.js'
import { isOver, store, watch } from './store.js'

const ACTIONS = {
  pause: {
    text: 'Pause', about: 'Stops the processors. Memory, disk and connections are kept; the guest’s clock falls behind.',
    run: () => post('pause'),
  },
  continue: { text: 'Continue', about: 'Resumes the processors.', run: () => post('continue') },
  screenshot: { text: 'Screenshot', about: 'Shows the guest’s screen as a PNG image.', run: screenshot },
  warm: {
    text: 'Save warm state', about: 'Saves memory and disk now; later starts resume from this state instead of booting.',
    ask: 'Save a warm state?', run: async () => { await post('warm'); notice('Warm state saved.') },
  },
  suspend: {
    text: 'Suspend', about: 'Saves memory and disk, then ends QEMU and the container. The next start resumes from this state.',
    ask: 'Suspend the guest?', run: () => post('suspend'),
  },
  reset: {
    text: 'Reset', about: 'Resets the machine like its reset button. The guest cannot flush its disks first.',
    ask: 'Reset the machine?', danger: true, run: () => post('reset'),
  },
  stop: {
    text: 'Stop', about: 'Asks the guest to shut down (power button, ssh or console) and waits. The container and this page end with the guest.',
    ask: 'Shut the guest down?', danger: true, run: () => post('stop', { now: false }),
  },
  harder: {
    text: 'Cut power', about: 'Cuts the guest’s power. Data that it has not written to its disks is lost.',
    ask: 'Cut the guest’s power?', danger: true, run: () => post('stop', { now: true }),
  },
}

async function screenshot() {
  const response = await fetch(url('screenshot.png'))
  if (!response.ok) throw await (await import('./api.js')).problemOf(response)
  const blob = await response.blob()
  const address = URL.createObjectURL(blob)
  const name = `screenshot-${new Date().toISOString().replace(/[:.]/g, '-')}.png`
  await dialog('Screenshot', close => [
    h('img.shot', { src: address, alt: 'The guest’s screen' }),
    h('div.row.end', h('a.button', { href: address, download: name }, 'Download'), button('Close', () => close(), { class: 'primary' })),
  ], { wide: true })
  URL.revokeObjectURL(address)
}

async function act(name, element) {
  const a = ACTIONS[name]
  if (a.ask && !await confirm(a.ask, a.about, a.text, { danger: a.danger })) return
  await busy(element, a.run)
  draw()
}

function make(name, extra) {
  const b = button(ACTIONS[name].text, () => act(name, b), { title: ACTIONS[name].about, 'data-action': name, ...extra })
  return b
}

// The menu shows the full descriptions.
function item(name) {
  const id = `about-${name}`
  return h('li', make(name, { title: null, 'aria-describedby': id, class: ACTIONS[name].danger ? 'dangerous' : null }), h(`p.hint#${id}`, ACTIONS[name].about))
}

let toggle
function draw() {
  const paused = store.status?.state === 'paused'
  const stopping = store.status?.state === 'stopping'
  toggle.hidden = paused
  toggle.nextSibling.hidden = !paused
  for (const b of $('actions').querySelectorAll('[data-action]'))
    if (!b.hasAttribute('aria-busy')) b.disabled = isOver()
  const stop = $('actions').querySelector('[data-action=stop]')
  setText(stop, stopping ? 'Next step' : 'Stop')
  ACTIONS.stop.ask = stopping ? 'Skip to the next step of the stop?' : 'Shut the guest down?'
}

export function startActions() {
  const menu = h('details.menu',
    h('summary', { role: 'button' }, 'More'),
    h('ul', ['pause', 'screenshot', 'warm', 'suspend', 'reset', 'stop', 'harder'].filter(n => !['pause', 'reset', 'stop'].includes(n)).map(item),
      h('li', h('label', { for: 'theme' }, 'Colours'), themeSwitch())))
  toggle = make('pause')
  fill($('actions'), toggle, make('continue'), make('reset'), make('stop', { class: 'dangerous' }), menu)
  addEventListener('click', e => { if (!menu.contains(e.target) || e.target.matches('[data-action]')) menu.open = false })
  menu.addEventListener('keydown', e => {
    if (e.key === 'Escape') { menu.open = false; menu.querySelector('summary').focus() }
  })
  watch('status connection', draw)
  draw()
}

export function applyTheme() {
  let theme = 'auto'
  try { theme = localStorage.getItem('theme') ?? 'auto' } catch { /* no storage */ }
  document.documentElement.dataset.theme = theme
  return theme
}

function themeSwitch() {
  const s = h('select#theme', { onchange: () => {
    try { localStorage.setItem('theme', s.value) } catch (e) { complain(e) }
    applyTheme()
    dispatchEvent(new Event('theme'))
  } }, ['auto', 'light', 'dark'].map(t => h('option', { value: t, selected: t === applyTheme() }, t === 'auto' ? 'system' : t)))
  return s
}
