import"./lianke-card-chunk-CV5WTPWB.js";
