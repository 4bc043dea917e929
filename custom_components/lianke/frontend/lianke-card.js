import"./lianke-card-chunk-VLWV7XU3.js";
