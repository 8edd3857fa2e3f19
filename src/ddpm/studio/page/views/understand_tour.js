// The stations of the guided tour as a list.

import {html} from "../vendor/htm-preact.js";
import {STATIONS, stationAddress} from "../parts/tour.js";

export function TourPart() {
  return html`
    <p>Ten stations from an image as numbers to the hand-in, a minute or two each. Every station is a link that can be handed out.</p>
    <p><a class="button primary" href=${stationAddress(1)}>Start the tour</a></p>
    <ol class="stations">${STATIONS.map((station, index) => html`<li key=${index}>
      <a href=${stationAddress(index + 1)}>${station.title}</a><br /><span class="muted">${station.text}</span></li>`)}</ol>`;
}
