import"./lianke-card-chunk-7UIJAQYE.js";
