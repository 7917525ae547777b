// Says that the page does not start, where it does not: no module can, in a browser that has none or does not parse ours.
// So this is not one, and keeps to what browsers could do in 2009.

(function () {
  'use strict';

  var WORDS = {
    en: {
      text: 'This page does not start.',
      help: 'Load it again. If that does not help, this browser is too old for Doorway: it takes iOS 15 or Safari 15, Chrome or Edge 94, Firefox 115, or later.',
      again: 'Load again'
    },
    zh: {
      text: '本頁無法啟動。',
      help: '請重新載入。如果仍然無效，表示這個瀏覽器太舊，Doorway 需要 iOS 15 或 Safari 15、Chrome 或 Edge 94、Firefox 115 以上的版本。',
      again: '重新載入'
    }
  };

  // All modules have run by then, as far as they do.
  window.addEventListener('load', function () {
    if (!document.body.hasAttribute('data-started')) tell();
  });

  function tell() {
    var chinese = /^zh/i.test(navigator.language || '');
    var words = chinese ? WORDS.zh : WORDS.en;
    var card = document.createElement('main');
    var button = document.createElement('button');
    card.className = 'too-old';
    card.setAttribute('role', 'alert');
    add(card, 'h1', words.text);
    add(card, 'p', words.help);
    button.type = 'button';
    button.className = 'button primary';
    button.appendChild(document.createTextNode(words.again));
    button.onclick = function () { location.reload(); };
    card.appendChild(button);
    document.documentElement.lang = chinese ? 'zh-Hant' : 'en';
    while (document.body.firstChild) document.body.removeChild(document.body.firstChild);
    document.body.appendChild(card);
  }

  /**
   * @param {HTMLElement} parent
   * @param {string} tag
   * @param {string} words
   */
  function add(parent, tag, words) {
    var element = document.createElement(tag);
    element.appendChild(document.createTextNode(words));
    parent.appendChild(element);
  }
}());
