// terminal.js - xterm.js, loaded after the page has been drawn.
import { FitAddon } from '@xterm/addon-fit'
import { SearchAddon } from '@xterm/addon-search'
import { Terminal } from '@xterm/xterm'

const THEME = {
  background: '#0e1317', foreground: '#dde3e8', cursor: '#7fd6da', cursorAccent: '#0e1317',
  selectionBackground: '#2f5d66', selectionInactiveBackground: '#26424a',
  black: '#1b2329', red: '#f2777a', green: '#7ec98f', yellow: '#e3bf6b',
  blue: '#7aa9e8', magenta: '#c795e0', cyan: '#67c3c7', white: '#d3dae0',
  brightBlack: '#7d8a94', brightRed: '#ff9a9c', brightGreen: '#a0e0ae', brightYellow: '#f4d58b',
  brightBlue: '#a3c5f5', brightMagenta: '#dcb7ee', brightCyan: '#93dde0', brightWhite: '#ffffff',
}

// MAYANSWER(): may this terminal answer the guest's queries (cursor position, device attributes)?
// An answer is input: several viewers, or a replayed scrollback, would send it again.
export function makeTerminal(mayAnswer) {
  const term = new Terminal({
    allowProposedApi: true, // for the search decorations
    cursorBlink: false,
    fontFamily: 'ui-monospace, "DejaVu Sans Mono", "Liberation Mono", Menlo, Consolas, monospace',
    fontSize: matchMedia('(max-width: 640px)').matches ? 12 : 14,
    lineHeight: 1.1, // some fonts cut off underscores at 1
    linkHandler: { activate() {} }, // the guest must not create links in this page
    minimumContrastRatio: 4.5,
    scrollback: 20000,
    theme: THEME,
  })
  const ask = () => !mayAnswer()
  for (const id of [{ final: 'c' }, { prefix: '>', final: 'c' }, { prefix: '=', final: 'c' }, { final: 'n' }, { prefix: '?', final: 'n' },
    { intermediates: '$', final: 'p' }, { prefix: '?', intermediates: '$', final: 'p' }, { final: 't' }])
    term.parser.registerCsiHandler(id, ask)
  term.parser.registerDcsHandler({ intermediates: '$', final: 'q' }, ask)
  for (const osc of [4, 10, 11, 12]) term.parser.registerOscHandler(osc, text => text.includes('?') && ask())
  const fit = new FitAddon()
  const search = new SearchAddon()
  term.loadAddon(fit)
  term.loadAddon(search)
  return { term, fit, search }
}

export const FOUND = {
  matchBackground: '#5c4a12', matchOverviewRuler: '#e3bf6b', activeMatchBackground: '#9a7414', activeMatchColorOverviewRuler: '#ffffff',
}
