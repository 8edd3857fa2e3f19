// The guided tour: ten stations, each a view with its state in the address, two sentences, one thing to do.
//
//   <${TourBar} params=${params} />     the bar of the station that the address names; nothing without one

import {html} from "../vendor/htm-preact.js";
import {addressOf} from "./address.js";

export const STATIONS = [
  {title: "An image is numbers", view: "understand", params: {tab: "forward", t: 0, open: "x0"},
    text: "A gray image is a table of numbers from -1 (black) to 1 (white). A model learns which tables look like the data.",
    task: "Click a pixel and read its number."},
  {title: "Adding noise", view: "understand", params: {tab: "forward", open: "x_t"},
    text: "The forward process mixes an image with noise, more and more with t. One formula (Eq. 4) gives any t at once.",
    task: "Drag t to the end and find where the image disappears."},
  {title: "The schedule", view: "understand", params: {tab: "forward", t: 500, open: ""},
    text: "The schedule says how much image and how much noise there is at each t. It must end in almost pure noise, because sampling starts there.",
    task: "Find the t at which image and noise are equal: SNR 1."},
  {title: "The question to the network", view: "understand", params: {tab: "training", open: "output"},
    text: "The network sees xₜ and t, and is asked what was added or what is below it. At small t that is easy, at large t it can only guess an average.",
    task: "Compare answer and target at a small and at a large t."},
  {title: "One training step", view: "understand", params: {tab: "training", open: "error"},
    text: "Algorithm 1: image, time, noise, answer, squared error, gradient. Nothing else is ever trained.",
    task: "Change the seed and see the loss change: that is why loss curves are noisy."},
  {title: "The loss falls", view: "runs", params: {},
    text: "Over thousands of such steps the loss falls fast, then slowly; the images go on getting better while it hardly moves.",
    task: "Open a run, or start one on the bundled digits, and look at its loss by noise level."},
  {title: "One step back", view: "understand", params: {tab: "reverse", open: "mean"},
    text: "Algorithm 2: from the predicted noise follows a clean image, from it the mean of the step before, and a little new noise is added.",
    task: "Open each picture of the row and follow the marked pixel's numbers."},
  {title: "The whole walk", view: "understand", params: {tab: "reverse", step: 0, open: ""},
    text: "Large shapes are decided first, strokes and details last. The strip shows the state above and the image the network expects below.",
    task: "Step forward from the first state to the last."},
  {title: "Fewer steps, better solvers", view: "understand", params: {tab: "toy", steps: 5, sampler: "ancestral"},
    text: "Algorithm 2 needs many steps. A solver of the same process as a differential equation lands in the same place with few.",
    task: "Compare Algorithm 2, DDIM and Heun with 5 steps, then open Draw and try it on images."},
  {title: "Is it good? And the hand-in", view: "compare", params: {},
    text: "A distance between sets of features (FID) compares your images with real ones; the same distance between two real sets is its floor. Look at nearest training images too: copies are no success.",
    task: "Compare two models, then open Hand in to pack the assignment."},
];

export const stationAddress = (number) => addressOf(STATIONS[number - 1].view, {...STATIONS[number - 1].params, station: number});

export function TourBar({params}) {
  const number = Number(params.station);
  const station = STATIONS[number - 1];
  if (!station) return null;
  return html`<aside class="tour note" aria-label="Guided tour">
    <p><strong>Station ${number} of ${STATIONS.length}: ${station.title}.</strong> ${station.text}</p>
    <p><strong>To do:</strong> ${station.task}</p>
    <p class="row">
      ${number > 1 && html`<a class="button small" href=${stationAddress(number - 1)}>Back</a>`}
      ${number < STATIONS.length && html`<a class="button small primary" href=${stationAddress(number + 1)}>Next: ${STATIONS[number].title}</a>`}
      <a href=${addressOf("understand", {tab: "tour"})}>All stations</a>
    </p>
  </aside>`;
}
