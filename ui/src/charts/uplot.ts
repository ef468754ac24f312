/** uPlot with its style sheet, to be imported when the first chart is shown. */
import uPlot from 'uplot';
import 'uplot/dist/uPlot.min.css';

export default uPlot;
