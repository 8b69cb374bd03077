// What the fields of a row mean, in plain words.

export const DIAGNOSES = {
  fix_first_response: ["bad", "Fix the first response",
    "People start chats and do not go on.",
    "Look at how fast the first answer comes, and whether it takes up what the ad promised. A greeting " +
    "that asks how it can help makes people say again what they clicked on."],
  traffic_or_offer: ["bad", "Cheap conversations with the wrong people",
    "Conversations cost no more than usual here, and few of them qualify.",
    "Look at whom the ad brings and what it promises. Do not move budget here because messages are cheap."],
  qualification_flow: ["bad", "Few conversations qualify",
    "Fewer conversations than usual qualify, and they are not cheaper for it.",
    "Look at the questions asked: too many, too early, or about the wrong things."],
  chat_flow: ["bad", "The chat does not lead to sales",
    "People qualify, and are not handed over.",
    "Look at the chat between qualifying and handing over: is it slow, unclear, or waiting for somebody?"],
  sales_process: ["bad", "Sales does not close",
    "Enough people are handed to sales, and few of them buy.",
    "Look at price, at what people were led to expect, at how well the offer fits, and at how fast sales " +
    "calls."],
  reach_or_creative: ["good", "It works, for few people",
    "Nothing is weak and it closes as well as usual, but hardly anybody comes.",
    "Show it to more people: new audiences, new creatives."],
  healthy: ["good", "Nothing here is weak", "No rung is for sure below what is usual.", ""],
  too_little_data: ["", "Too little data to judge",
    "There are not enough conversations here yet, or there is no norm to hold them against.",
    "Wait, or choose a longer window."],
};

// An account has nothing but the settings to be held against.
export const NO_NORM = ["", "An account is not judged without norms",
  "Campaigns and ads are held against their account; an account itself against what you say is usual.",
  "Set diagnosis.norms to have accounts judged, or choose a campaign."];

export const NOTHING = ["", "No numbers here", "", ""];

export const RUNG_WORDS = {
  reply: "conversations that go on after the first answer",
  qualified: "conversations that qualify",
  handoff: "qualified ones that are handed to sales",
  customer: "those handed to sales that become customers",
};

export const DROPS = {
  open: "people click, and the chat does not open: accidental taps, or a link that does not work",
  conversation: "the chat opens, and nobody writes: a wrong number, a broken link. Test your own funnel",
  reply: "people write once, and not again: the first response",
  qualified: "conversations do not qualify: traffic quality, the offer's clarity, the questions asked",
  handoff: "qualified people are not handed on: the chat flow",
  customer: "those handed to sales do not buy: sales process, price, expectation",
};
